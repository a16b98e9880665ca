"""The phantom as a folder in LUNA16's own layout and formats, with its readers' outlines."""

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import files, tables
from nodules.datasets import lidc
from nodules.datasets.phantom import plan
from nodules.datasets.phantom.insertion import AGREEING, PaintedNodule, outlines
from nodules.datasets.phantom.scan import Phantom, Request, choose_shapes, draw_phantom
from nodules.datasets.scan import Scan
from nodules.images.geometry import Geometry
from nodules.images.metaimage_writing import write_volume
from nodules.stats import seeds

Floats = NDArray[np.float64]
Flips = tuple[int, int, int]
# One scan's rows of each table and CSV file, by its name.
Rows = dict[str, list[Any]]

POINT = ["seriesuid", "coordX", "coordY", "coordZ"]
CSV_COLUMNS = {
    "annotations": [*POINT, "diameter_mm"],
    "annotations_excluded": [*POINT, "diameter_mm"],
    "candidates_V2": [*POINT, "class"],
    "findings": [*POINT, "diameter_mm", "readers", "place", "architecture"],
}
# How scan i is stored: order and direction of the axes z, y, x. Three in seven differ from LPS;
# slices stay axial, since outlines are drawn on stored slices.
PLAIN: tuple[Flips, Flips] = ((0, 1, 2), (1, 1, 1))
STORED: dict[int, tuple[Flips, Flips]] = {
    2: ((0, 1, 2), (1, -1, -1)),  # patient prone in the file: direction -1 -1 1
    4: ((0, 1, 2), (-1, 1, 1)),  # from head to feet
    6: ((0, 2, 1), (1, 1, 1)),  # columns before rows
}
ORIENTATION_CYCLE = 7


@dataclass(frozen=True)
class ScanOrder:
    """One scan to make."""

    index: int
    scan: Scan
    seed: int
    config: Mapping[str, Any]
    request: Request


def make_phantom(folder: str | os.PathLike[str], config: Mapping[str, Any], processes: int) -> None:
    """Write every scan that `plan.planned` names, and the data set's tables, into a folder.

    Written: headers and voxels; lung masks, annotations.csv, annotations_excluded.csv,
    candidates_V2.csv and seriesuids.csv in LUNA16's formats; patients.csv; contours.parquet and
    ratings.parquet (tables `contours`, `ratings`); findings.csv, which says how each nodule was
    made. The files depend only on the config's seed and section `phantom`, not on the number of
    processes.
    """
    library = lidc.nodule_library()
    seed, settings = config["seed"], config["phantom"]
    scans = plan.planned(folder, config)
    tasks = []
    for i, scan in enumerate(scans):
        rng = seeds.generator(seed, "phantom shapes", i)
        tasks.append(ScanOrder(i, scan, seed, settings, choose_shapes(rng, library, i, settings)))
    if processes > 1:
        # New processes: forks of one that has started threads may hang.
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            made = list(pool.map(make_scan, tasks))
    else:
        made = [make_scan(task) for task in tasks]
    write_tables(Path(folder), [scan.uid for scan in scans], made)


def make_scan(order: ScanOrder) -> Rows:
    """Draw and write one scan; return its rows of the data set's tables."""
    cv2.setNumThreads(1)
    rng = seeds.generator(order.seed, "phantom", order.index)
    phantom = draw_phantom(rng, order.request, order.config)
    axes = STORED.get(order.index % ORIENTATION_CYCLE, PLAIN)
    stored = stored_grid(phantom.geometry, *axes)
    voxels = stored_array(phantom.hu, *axes)
    write_volume(order.scan.header, order.scan.data, voxels, stored)
    mask = plan.lung_mask(Path(order.scan.header).parents[1], order.scan.uid)
    write_volume(*mask, stored_array(phantom.lungs, *axes), stored)
    return describe(rng, order.scan.uid, phantom, stored)


def stored_array(array: NDArray, permutation: Flips, flips: Flips) -> NDArray:
    """An LPS array (z, y, x) with its axes flipped, then permuted."""
    fz, fy, fx = flips
    return np.ascontiguousarray(array[::fz, ::fy, ::fx].transpose(permutation))


def stored_grid(geometry: Geometry, permutation: Flips, flips: Flips) -> Geometry:
    """The grid of `stored_array`, on which every voxel keeps its world position."""
    shape = np.array(geometry.shape)
    first = np.where(np.array(flips) < 0, shape - 1, 0)
    # An array's axes are z, y, x, a geometry's x, y, z.
    axes = [2 - permutation[2 - k] for k in range(3)]
    turned = geometry.direction * np.array(flips[::-1])
    return Geometry.build(
        geometry.to_world(first),
        geometry.spacing[axes],
        turned[:, axes],
        shape[list(permutation)],
    )


def describe(rng: np.random.Generator, uid: str, phantom: Phantom, stored: Geometry) -> Rows:
    """A scan's rows of every table: what LUNA16 and its readers would state about it."""
    rows: Rows = {name: [] for name in (*CSV_COLUMNS, "contours", "ratings")}
    grid = phantom.geometry
    annotation = 0
    for nodule in phantom.nodules + phantom.findings:
        centre, diameter = nodule.centre(grid), nodule.patch.diameter(grid)
        readers = len(nodule.patch.masks)
        truth = [uid, *centre, diameter]
        if readers >= AGREEING:
            rows["annotations"].append(truth)
        rows["findings"].append([*truth, readers, nodule.place, nodule.architecture])
        # The excluded list repeats every finding, as another reader might have measured it.
        rows["annotations_excluded"].append(
            [uid, *(centre + rng.normal(0, 0.05, 3) * diameter), diameter * rng.uniform(0.9, 1.1)]
        )
        for mask, ratings in zip(nodule.patch.masks, nodule.patch.ratings, strict=True):
            annotation += 1
            rows["ratings"].append({"seriesuid": uid, "annotation": annotation, **ratings})
            rows["contours"] += _contours(uid, annotation, mask, nodule, grid, stored)
    _add_irrelevant(rng, rows, uid, phantom)
    return rows


def write_tables(folder: Path, uids: Iterable[str], made: list[Rows]) -> None:
    """Write the data set's tables from its scans' rows, sorted by UID as LUNA16's are."""
    for name, columns in CSV_COLUMNS.items():
        frame = pd.DataFrame([row for rows in made for row in rows[name]], columns=columns)
        text = frame.sort_values("seriesuid", kind="stable").to_csv(
            index=False, float_format="%.10g"
        )
        files.write_text(folder / f"{name}.csv", text)
    files.write_text(folder / "seriesuids.csv", "".join(f"{uid}\n" for uid in sorted(uids)))
    # Each scan is of another patient.
    whose = "".join(f"{uid},{uid}\n" for uid in sorted(uids))
    files.write_text(folder / "patients.csv", f"seriesuid,patient\n{whose}")
    for name in ("contours", "ratings"):
        tables.write(folder / f"{name}.parquet", name, [r for rows in made for r in rows[name]])


def _contours(
    uid: str,
    annotation: int,
    mask: NDArray[np.bool_],
    nodule: PaintedNodule,
    grid: Geometry,
    stored: Geometry,
) -> Iterable[dict[str, Any]]:
    """Rows of table `contours`: a reader's outlines on the stored grid."""
    z0, y0, x0 = nodule.corner
    for z, xy in outlines(mask):
        index = np.column_stack([np.full(len(xy), z + z0), xy[:, 1] + y0, xy[:, 0] + x0])
        corners = np.rint(stored.to_index(grid.to_world(index)))
        yield {
            "seriesuid": uid,
            "annotation": annotation,
            "inclusion": True,
            "z_index": corners[0, 0],
            "xs": corners[:, 2],
            "ys": corners[:, 1],
        }


def _add_irrelevant(rng: np.random.Generator, rows: Rows, uid: str, phantom: Phantom) -> None:
    """Add excluded findings without diameter, some listed twice, and candidates of both classes."""
    grid = phantom.geometry
    spots = phantom.junctions[rng.permutation(len(phantom.junctions))]
    for nodule in phantom.nodules + phantom.findings:
        away = np.linalg.norm(spots - nodule.centre(grid), axis=1)
        spots = spots[away > 0.6 * nodule.patch.diameter(grid) + 3]
    excluded = rows["annotations_excluded"]
    excluded += [[uid, *spot, -1.0] for spot in spots[: int(rng.integers(6, 13))]]
    excluded += [list(row) for row in excluded if rng.random() < 0.3]
    candidates = rows["candidates_V2"]
    for nodule in phantom.nodules:
        spread = 0.08 * nodule.patch.diameter(grid)
        for _ in range(int(rng.integers(1, 3))):
            candidates.append([uid, *(nodule.centre(grid) + rng.normal(0, spread, 3)), 1])
    candidates += [[uid, *(spot + rng.normal(0, 0.5, 3)), 0] for spot in spots[:60]]
