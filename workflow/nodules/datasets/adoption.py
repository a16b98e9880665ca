"""Adoption of a case into LUNA16's layout: read it, check it against its labels, list lesions.

Every defect names the data set's own file. Nothing is made up: a scan with a fatal defect gets no
voxels.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import cc3d
import numpy as np
from numpy.typing import NDArray

from nodules.base import tables
from nodules.base.files import FileDefect, UserError
from nodules.datasets.luna16_lists import Defect, defect
from nodules.datasets.sources.case import Case
from nodules.images import values
from nodules.images.geometry import Geometry
from nodules.images.volume import as_hu, same_grid

SAME_MM = 0.1  # largest distance between corresponding voxels: headers are rounded
PERCENTILES = (0.5, 99.5)  # of the voxels above the lowest value: these become 0 and SCALE
SCALE, FLOOR, CEILING = 1000, -1000, 3000
HU, BY_PERCENTILES = "hu", "percentiles"
MOST_SHOWN = 6
GRID = "Write the labels anew on the scan's own grid, or name those of this very scan."
VALUES = "Correct the labels, or name what they mean in the data set's own description."


@dataclass(frozen=True)
class Settings:
    """The config's section `dataset`, as far as it concerns the files.

    units: hu, or percentiles. channel: of 4-D images. lesion_labels: values that mean a lesion; if
    empty, all but 0, the organ's and those that a data set ignores. organ_labels: values that mean
    the organ around them. least_mm: smaller components of a lesion's label are excluded findings.
    """

    units: str
    channel: int
    lesion_labels: Sequence[int]
    organ_labels: Sequence[int]
    least_mm: float


@dataclass
class Adopted:
    """A scan's row of table `scans` and defects; without a fatal one, also its arrays.

    voxels: int16 (z, y, x), HU or percentiles' units, on `grid`, which lies nearest to LPS.
    lesions: int16, k for nodule k of `nodules`; None without labels. organ: uint8.
    """

    row: dict[str, Any]
    defects: list[Defect] = field(default_factory=list)
    grid: Geometry | None = None
    voxels: NDArray[np.int16] | None = None
    lesions: NDArray[np.int16] | None = None
    organ: NDArray[np.uint8] | None = None
    nodules: list[dict[str, Any]] = field(default_factory=list)
    excluded: list[dict[str, Any]] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether no defect is fatal."""
        return not any(told["fatal"] for told in self.defects)

    def without_voxels(self) -> "Adopted":
        """The same without the arrays, which take memory."""
        return replace(self, voxels=None, lesions=None, organ=None)


class _Lesion(NamedTuple):
    number: int  # of its connected component
    centre: NDArray[np.float64]
    diameter: float


def adopt(case: Case, settings: Settings, with_organ: bool = False) -> Adopted:
    """Read a case, check it, and list its lesions; its defects are returned, not raised.

    with_organ: whether the organ's mask is needed.
    """
    found = Adopted(_row(case))
    try:
        found.voxels, found.grid = _scan(case, settings)
        _describe(found, case)
        if case.labels:
            _take_labels(found, case, settings)
        else:
            _take_points(found, case)
        if with_organ:
            found.organ = _organ(found, case, settings)
    except FileDefect as error:
        found.defects.append(defect(error.place, error.reason, error.remedy, case.name))
    except UserError as error:
        reason = str(error).removeprefix(f"{case.image}: ").rstrip(".")
        remedy = "Replace the file, or take the scan out."
        found.defects.append(defect(case.image, reason, remedy, case.name))
    found.row["n_nodules"] = len(found.nodules)
    found.row["status"] = "ok" if found.usable else "skipped"
    return found


def by_percentiles(seen: NDArray[Any], place: str) -> NDArray[np.int16]:
    """Scale values without a fixed unit, such as MR's, so that their percentiles become 0 and 1000.

    The lowest value, the background of masked scans, does not count. Linear, clipped to -1000 to
    3000. Raises FileDefect if there is no contrast.
    """
    if not np.isfinite(seen).all():
        raise FileDefect(place, "there are voxels that are no number", "Replace the file.")
    flat = seen[seen > seen.min()].astype(np.float64)
    if not flat.size:
        raise FileDefect(place, "all voxels are the same", "Replace the file.")
    low, high = np.percentile(flat, PERCENTILES)
    if not low < high:
        raise FileDefect(place, "nearly all voxels are the same", "Replace the file.")
    scaled = (seen.astype(np.float64) - low) * (SCALE / (high - low))
    return np.clip(np.rint(scaled), FLOOR, CEILING).astype(np.int16)


def _row(case: Case) -> dict[str, Any]:
    """A scan's row of table `scans`, as far as known before its files are read."""
    scan = case.scan()
    row: dict[str, Any] = dict.fromkeys(tables.columns("scans"))
    row |= {"seriesuid": case.name, "patient": case.patient or case.name, "subset": case.subset}
    row |= {"header": scan.header, "data": scan.data, "sha256": "", "status": "ok"}
    row["labels"] = scan.labels[0] if scan.labels else ""
    return row


def _scan(case: Case, settings: Settings) -> tuple[NDArray[np.int16], Geometry]:
    """The image in the config's units, and its grid."""
    seen, grid = values.read(case.image, settings.channel)
    if settings.units == BY_PERCENTILES:
        return by_percentiles(seen, case.image), grid
    voxels = as_hu(seen, case.image)
    if voxels.min() == voxels.max():
        raise FileDefect(case.image, f"all voxels are {voxels.min()}", "Replace the file.")
    return voxels, grid


def _describe(found: Adopted, case: Case) -> None:
    """Fill the scan's row with its grid, range, size, and the hash of its voxels."""
    assert found.voxels is not None and found.grid is not None
    found.row |= found.grid.to_row()
    found.row |= {"hu_min": int(found.voxels.min()), "hu_max": int(found.voxels.max())}
    image = case._replace(labels="", region="").files
    stored = sum(Path(name).stat().st_size for name in image if Path(name).is_file())
    digest = hashlib.sha256(repr(found.voxels.shape).encode())
    digest.update(np.ascontiguousarray(found.voxels, "<i2").tobytes())
    found.row |= {"bytes": stored or found.voxels.nbytes, "sha256": digest.hexdigest()}


def labels_of(path: str, grid: Geometry) -> NDArray[np.int16]:
    """Read a label volume of a scan on `grid`; FileDefect unless it fits and has labels from 0."""
    seen, own = values.read(path)
    if own.shape != grid.shape:
        sizes = (" x ".join(str(n) for n in g.shape[::-1]) for g in (own, grid))
        raise FileDefect(path, "it has {} voxels and its scan {} (x, y, z)".format(*sizes), GRID)
    if not same_grid(own, grid, SAME_MM):
        corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(grid.shape) - 1)
        apart = float(np.abs(own.to_world(corners) - grid.to_world(corners)).max())
        reason = f"it has another grid than its scan: voxels lie up to {apart:.1f} mm apart"
        raise FileDefect(path, reason, GRID)
    if not np.isfinite(seen).all() or (seen != np.rint(seen)).any():
        raise FileDefect(path, "its labels are not whole numbers", VALUES)
    if seen.min() < 0 or seen.max() > np.iinfo(np.int16).max:
        raise FileDefect(path, f"its labels reach from {seen.min():g} to {seen.max():g}", VALUES)
    return seen.astype(np.int16)


def _take_labels(found: Adopted, case: Case, settings: Settings) -> None:
    """List the connected components of a scan's lesion labels, and number them in a volume."""
    assert found.grid is not None
    labels = labels_of(case.labels, found.grid)
    present = np.flatnonzero(np.bincount(labels.ravel())).tolist()
    known = {0, *case.values, *settings.lesion_labels, *settings.organ_labels}
    if case.values and (unknown := [value for value in present if value not in known]):
        few = ", ".join(map(str, unknown[:MOST_SHOWN]))
        declared = ", ".join(map(str, sorted(known)))
        reason = f"it holds the label {few}, which the data set does not declare ({declared})"
        raise FileDefect(case.labels, reason, VALUES)
    lesion = _meant(labels, case, settings)
    parts = cc3d.connected_components(lesion, connectivity=26)
    numbers = np.zeros(int(parts.max()) + 1, np.int16)  # nodule of each component; 0: none
    for part in _parts(parts, found.grid):
        point = dict(zip("xyz", part.centre.tolist(), strict=True)) | {"diameter_mm": part.diameter}
        if part.diameter < settings.least_mm:
            found.excluded.append({"seriesuid": case.name} | point)
            continue
        number = len(found.nodules) + 1
        found.nodules.append({"seriesuid": case.name, "nodule": number} | point)
        numbers[part.number] = number
    found.lesions = numbers[parts]
    if not found.nodules:
        told = "no label but 0" if present == [0] else "no lesion among its labels"
        remedy = "Nothing to do where there is none: the scan counts as one without."
        found.defects.append(defect(case.labels, told, remedy, case.name, fatal=False))


def _meant(labels: NDArray[np.int16], case: Case, settings: Settings) -> NDArray[np.bool_]:
    """Mask of the lesions: of their labels, or of all but 0, the organ's and the ignored ones."""
    if settings.lesion_labels:
        return np.isin(labels, settings.lesion_labels)
    return ~np.isin(labels, [0, *settings.organ_labels, *case.ignored])


def _parts(parts: NDArray[Any], grid: Geometry) -> list[_Lesion]:
    """Connected components with their centroid and the diameter of a sphere of equal volume."""
    told = cc3d.statistics(parts)
    sizes = [(k, int(n)) for k, n in enumerate(told["voxel_counts"]) if k and n]
    return [
        _Lesion(
            k,
            grid.to_world(told["centroids"][k]),
            float(np.cbrt(6 / np.pi * n * grid.voxel_mm3)),
        )
        for k, n in sizes
    ]


def _take_points(found: Adopted, case: Case) -> None:
    """List the lesions that the data set gives as points with diameters."""
    assert found.grid is not None
    for number, (x, y, z, diameter) in enumerate(case.points, 1):
        if not found.grid.encloses((x, y, z)):
            reason = f"lesion {number} of scan {case.name} at {x:g} {y:g} {z:g} lies outside it"
            raise FileDefect(case.image, reason, "Give places in world mm, LPS, not RAS or voxels.")
        point = {"x": x, "y": y, "z": z, "diameter_mm": diameter}
        found.nodules.append({"seriesuid": case.name, "nodule": number} | point)


def _organ(found: Adopted, case: Case, settings: Settings) -> NDArray[np.uint8]:
    """The organ's mask: the case's own, else all organ and lesion labels that the config names."""
    assert found.grid is not None
    place = case.region or case.labels
    if not place or not (case.region or settings.organ_labels):
        told = "no mask of the organ is given, which region.method mask needs"
        remedy = "Name its labels in dataset.organ_labels, or choose another region.method."
        raise FileDefect(case.image, told, remedy)
    labels = labels_of(place, found.grid)
    if case.region:
        mask = labels > 0
    else:
        mask = np.isin(labels, settings.organ_labels) | _meant(labels, case, settings)
    if not mask.any():
        raise FileDefect(place, "no voxel of it is the organ", VALUES)
    return mask.astype(np.uint8)
