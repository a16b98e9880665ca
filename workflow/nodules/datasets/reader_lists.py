"""LUNA16's lists of nodules and excluded findings, made from the LIDC readers' own outlines.

The rule is LUNA16's, as inferred from its lists. Each reader's nodule becomes a sphere with the
volume and centroid of the pixels within the outlines. Outlines that meet (`outlines.cluster`), with
centres closer than the sum of their radii, are one nodule. They are averaged one after the other,
from the last reader to the first, each time as the mean of two spheres: so the first of four
readers counts half, the second a quarter, the others an eighth each. What at least three readers
outlined, and is 3 mm or larger, is a nodule; every other sphere, including those on the way to the
average, is an excluded finding. Over all of LUNA16 this gives 1187 nodules; of the 1186 official
ones, 1164 come out with the official diameter to 1 %.

Missing: LUNA16 also excludes findings that readers marked with a point (nodules below 3 mm and
non-nodules, diameter -1), which the database of outlines does not contain.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base.files import write_text
from nodules.datasets import lidc, outlines
from nodules.datasets.luna16_lists import LISTS
from nodules.images.geometry import Geometry

LEAST_READERS, LEAST_MM = 3, 3.0
SCANS = "seriesuids.csv"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sphere:
    """A nodule as seen by one or more readers: world x, y, z and diameter, mm."""

    centre: tuple[float, float, float]
    diameter_mm: float

    def far(self, other: "Sphere") -> float:
        """Distance between the two centres, mm."""
        return float(np.linalg.norm(np.subtract(self.centre, other.centre)))

    def touches(self, other: "Sphere") -> bool:
        """Whether the centres are closer than the sum of the radii."""
        return self.far(other) < (self.diameter_mm + other.diameter_mm) / 2

    def mean(self, other: "Sphere") -> "Sphere":
        """The sphere half-way between two."""
        x, y, z = (np.add(self.centre, other.centre) / 2).tolist()
        return Sphere((x, y, z), (self.diameter_mm + other.diameter_mm) / 2)


@dataclass(frozen=True)
class Lists:
    """The entries of LUNA16's two lists for a scan."""

    nodules: tuple[Sphere, ...]
    excluded: tuple[Sphere, ...]


def of_scans(geometries: Mapping[str, Geometry]) -> dict[str, Lists]:
    """The lists of some LIDC scans, by series UID.

    geometries: grid of each scan, with rows and columns in DICOM's order, in which the outlines'
    pixels are counted. Raises UserError if an outline does not lie on one of the scan's slices.
    """
    contours, _ = lidc.read_contours(geometries)
    by_scan = dict(list(contours.groupby("seriesuid")))
    return {
        uid: _of_scan(by_scan[uid], geometry) if uid in by_scan else Lists((), ())
        for uid, geometry in geometries.items()
    }


def _of_scan(contours: pd.DataFrame, geometry: Geometry) -> Lists:
    readers = [own for _, own in contours.groupby("annotation", sort=True)]
    together = outlines.cluster([_corners(own, geometry) for own in readers]).tolist()
    return judged(merged([sphere(own, geometry) for own in readers], together))


def _corners(contours: pd.DataFrame, geometry: Geometry) -> Floats:
    """World points (n, 3) of all corners of a reader's outlines, mm."""
    parts = [
        np.column_stack([np.full(len(row.xs), row.z_index), row.ys, row.xs])
        for row in contours.itertuples()
    ]
    return geometry.to_world(np.concatenate(parts))


def sphere(contours: pd.DataFrame, geometry: Geometry) -> Sphere:
    """One reader's nodule, from rows of table `contours`: sphere of its volume at its centroid."""
    areas, places = [], []
    for row in contours.itertuples():
        area, x, y = polygon(np.column_stack([row.xs, row.ys]))
        areas.append(area if row.inclusion else -area)
        places.append((row.z_index, y, x))
    total = sum(areas)
    weights = np.array(areas) / total if total > 0 else np.full(len(areas), 1 / len(areas))
    x, y, z = (weights @ geometry.to_world(places)).tolist()
    volume = max(total, 0.0) * geometry.voxel_mm3
    return Sphere((x, y, z), float((6 * volume / np.pi) ** (1 / 3)))


def polygon(corners: Floats) -> tuple[float, float, float]:
    """Number of pixels strictly inside a polygon of pixels (n, 2), and its centroid's x and y.

    A - B / 2 + 1 (Pick's theorem), A from the shoelace formula, B the pixels on its sides.
    """
    after = np.roll(corners, -1, axis=0)
    cross = corners[:, 0] * after[:, 1] - after[:, 0] * corners[:, 1]
    double = float(cross.sum())
    if double == 0:  # a point or a line
        x, y = corners.mean(axis=0).tolist()
        return 0.0, x, y
    sides = float(np.gcd(*np.abs(after - corners).astype(np.int64).T).sum())
    x, y = (((corners + after) * cross[:, None]).sum(axis=0) / (3 * double)).tolist()
    return max(abs(double) / 2 - sides / 2 + 1, 0.0), x, y


def merged(readers: Sequence[Sphere], together: Sequence[int]) -> list[list[Sphere]]:
    """Successive spheres of each nodule of a scan; the last one averages all its readers.

    together: a number for each reader's nodule, equal for outlines that meet. Each sphere of a
    nodule after the first is the mean of the one before it and the next reader's.
    """
    found: list[tuple[int, list[Sphere]]] = []
    for own, number in list(zip(readers, together, strict=True))[::-1]:
        near = [spheres for n, spheres in found if n == number and spheres[-1].touches(own)]
        if near:
            nearest = min(near, key=lambda spheres: spheres[-1].far(own))
            nearest.append(nearest[-1].mean(own))
        else:
            found.append((number, [own]))
    return [spheres for _, spheres in found]


def judged(found: Iterable[Sequence[Sphere]]) -> Lists:
    """Divide the spheres into nodules and excluded findings."""
    nodules: list[Sphere] = []
    excluded: list[Sphere] = []
    for *before, last in found:
        excluded += before
        accepted = len(before) + 1 >= LEAST_READERS and last.diameter_mm >= LEAST_MM
        (nodules if accepted else excluded).append(last)
    return Lists(tuple(nodules), tuple(excluded))


def write(folder: Path, lists: Mapping[str, Lists]) -> None:
    """Write annotations.csv, annotations_excluded.csv and seriesuids.csv, each atomically."""
    for name in ("nodules", "excluded"):
        rows = [
            f"{uid},{','.join(f'{value:.10g}' for value in (*s.centre, s.diameter_mm))}"
            for uid, own in sorted(lists.items())
            for s in getattr(own, name)
        ]
        header = f"seriesuid,coordX,coordY,coordZ,{LISTS[name].value}"
        write_text(folder / LISTS[name].file, "\n".join([header, *rows]) + "\n")
    write_text(folder / SCANS, "".join(f"{uid}\n" for uid in sorted(lists)))
