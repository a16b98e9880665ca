"""Matching of a label volume's labels to the annotated centres and diameters of nodules.

Masks drawn by hand are numbered in any way: one number per nodule, several, or one for all. The
nodule that a label means is therefore decided by its place alone. A label that lies on no nodule,
or differs in size from the annotation, is not used, and this is reported.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cc3d
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.images.geometry import Geometry
from nodules.images.spheres import BoxedMask, corner_of, sphere

Ints = NDArray[np.int64]

COVERED = 0.5  # share of a nodule's sphere that a label must fill to lie over the nodule
SIZES = (0.5, 2.0)  # bounds of a label's diameter over the annotated one; LIDC's own are 0.9 to 1.2
MOST = 0.1  # share of the volume: more is a picture, or nodules cut out of a filled volume
TURNS = {  # which of the array's axes z, y, x are reversed
    (True, False, False): "the slices are in reverse order",
    (False, True, False): "the rows are in reverse order",
    (False, False, True): "the columns are in reverse order",
    (False, True, True): "rows and columns are in reverse order",
    (True, True, False): "slices and rows are in reverse order",
    (True, False, True): "slices and columns are in reverse order",
    (True, True, True): "slices, rows and columns are in reverse order",
}
INSTEAD = "its readers' contours count instead, or without any its sphere"


class Remark(NamedTuple):
    """A remark on a label volume; fatal if the masks cannot be right."""

    reason: str
    remedy: str
    fatal: bool = False


@dataclass(frozen=True)
class Labelled:
    """The labelled voxels of a volume: indices (n, 3) as z, y, x and labels (n,), 1 or more.

    Sorted by slice, so that the voxels near a nodule are found by bisection.
    """

    index: Ints
    label: Ints
    shape: tuple[int, int, int]

    @classmethod
    def of_volume(cls, volume: NDArray[np.integer]) -> "Labelled":
        """The labelled voxels of an array (z, y, x)."""
        flat = np.flatnonzero(volume > 0)
        nz, ny, nx = volume.shape
        return cls.of_flat(flat, volume.ravel()[flat], (nz, ny, nx))

    @classmethod
    def of_flat(cls, flat: Ints, label: NDArray, shape: tuple[int, int, int]) -> "Labelled":
        """The labelled voxels, given by their places in the flattened array."""
        index = np.column_stack(np.unravel_index(flat, shape)).astype(np.int64)
        return cls(index.reshape(-1, 3), np.asarray(label).astype(np.int64), shape)

    def turned(self, axes: Sequence[bool]) -> "Labelled":
        """The same labels with some axes in reverse order."""
        flipped = np.where(axes, np.array(self.shape) - 1 - self.index, self.index)
        step = -1 if axes[0] else 1
        return Labelled(flipped[::step], self.label[::step], self.shape)


@dataclass
class Fit:
    """Mask of each nodule, by its number, and remarks on single nodules and on the whole.

    single: whether each mask also stands for the only reader.
    """

    boxes: dict[int, BoxedMask] = field(default_factory=dict)
    told: list[Remark] = field(default_factory=list)
    single: bool = False


@dataclass(frozen=True)
class _Nodule:
    number: int
    centre: NDArray[np.float64]
    diameter: float
    ball: BoxedMask


def fit(labels: Labelled, grid: Geometry, nodules: pd.DataFrame) -> Fit:
    """Give each annotated nodule (columns nodule, x, y, z, diameter_mm) its labelled voxels.

    grid: of the label volume. A label belongs to the nodule whose sphere contains most of its
    voxels; one that lies over several nodules is first split into its connected components. A
    nodule without a fitting label is not in `boxes`.
    """
    if not len(labels.label):
        return Fit()
    every = list(_spheres(grid, nodules))
    found = _fit(labels, grid, every)
    if len(found.boxes) < len(every):
        turned = _turned_order(labels, grid, every, len(found.boxes))
        if turned:
            return Fit({}, [turned])
        if every and not found.boxes:
            reason = "none of its labels fits an annotated nodule in place and size"
            remedy = (
                "Check that the labels are of this scan and hold nodules, not lungs. Or remove "
                "them: then the readers' contours count, or without any spheres."
            )
            return Fit({}, [*found.told, Remark(reason, remedy, fatal=True)])
    return found


def numbered(labels: Labelled, grid: Geometry, nodules: pd.DataFrame) -> Fit:
    """Like `fit`, for labels known to carry the nodules' own numbers: nothing is checked."""
    del grid
    order = np.argsort(labels.label, kind="stable")
    values, starts = np.unique(labels.label[order], return_index=True)
    parts = np.split(labels.index[order], starts[1:]) if len(values) else []
    wanted = set(nodules["nodule"].tolist())
    every = zip(values.tolist(), parts, strict=True)
    return Fit({k: _box(own) for k, own in every if k in wanted}, single=True)


CROWDED = Remark(
    f"its labels fill more than {MOST:.0%} of the volume, which nodules never do",
    "Store 0 where no nodule is, and the nodules' numbers elsewhere.",
    fatal=True,
)


def _spheres(grid: Geometry, nodules: pd.DataFrame) -> Iterator[_Nodule]:
    columns = (nodules[name].tolist() for name in ("nodule", "x", "y", "z", "diameter_mm"))
    for number, x, y, z, diameter in zip(*columns, strict=True):
        yield _Nodule(int(number), np.array([x, y, z]), diameter, sphere(grid, (x, y, z), diameter))


def _fit(labels: Labelled, grid: Geometry, nodules: Sequence[_Nodule]) -> Fit:
    """Like `fit`, without trying other orders of the axes."""
    units, told = _apart(labels, nodules)
    result = Fit(told=told)
    owned: dict[int, list[Ints]] = {}
    stray: list[str] = []
    for label, index in units:
        inside = [_within(index, one.ball) for one in nodules]
        if not any(inside):
            stray.append(label)
            continue
        owned.setdefault(nodules[int(np.argmax(inside))].number, []).append(index)
    for one in nodules:
        if one.number not in owned:
            reason = f"nodule {one.number} has no label: {INSTEAD}"
            result.told.append(Remark(reason, "Label it, or leave it so."))
            continue
        index = np.concatenate(owned[one.number])
        misfit = _misfit(index, grid, one)
        if misfit:
            reason = f"the label on nodule {one.number} {misfit}, so {INSTEAD}"
            result.told.append(
                Remark(reason, "Compare it with the scan, and with annotations.csv.")
            )
        else:
            result.boxes[one.number] = _box(index)
    if stray:
        names = list(dict.fromkeys(stray))
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        reason = f"not used, since no annotated nodule is there: {', '.join(names[:10])}{more}"
        remedy = "Nothing to do, unless annotations.csv should list a nodule there."
        result.told.append(Remark(reason, remedy))
    return result


def _apart(
    labels: Labelled, nodules: Sequence[_Nodule]
) -> tuple[list[tuple[str, Ints]], list[Remark]]:
    """Name and voxels of each label; one over several nodules is split into its components."""
    units: list[tuple[str, Ints]] = []
    told: list[Remark] = []
    order = np.argsort(labels.label, kind="stable")
    values, starts = np.unique(labels.label[order], return_index=True)
    for label, places in zip(values.tolist(), np.split(order, starts[1:]), strict=True):
        index = labels.index[places]
        over = _over(index, nodules)
        if len(over) < 2:
            units.append((f"label {label}", index))
            continue
        parts = _connected(index)
        of_one = [part for part in parts if len(_over(part, nodules)) < 2]
        units += [(f"a part of label {label}", part) for part in of_one]
        joined = [o for o in (_over(part, nodules) for part in parts) if len(o) > 1]
        reason = f"label {label} lies over nodules {_listed(over)}"
        if joined:
            several = "; ".join(_listed(numbers) for numbers in joined)
            reason += f", and one connected part of it over {several}, which is not used"
        else:
            reason += ": its connected parts are taken apart"
        told.append(Remark(reason, "Better number the nodules from 1 on, one label each."))
    return units, told


def _over(index: Ints, nodules: Sequence[_Nodule]) -> list[int]:
    """Numbers of the nodules whose spheres these voxels fill to at least COVERED."""
    return [
        one.number
        for one in nodules
        if _within(index, one.ball) >= max(COVERED * one.ball[0].sum(), 1)
    ]


def _within(index: Ints, ball: BoxedMask) -> int:
    """Number of voxels, sorted by slice, that belong to a mask."""
    mask, corner = ball
    first, last = np.searchsorted(index[:, 0], (corner[0], corner[0] + len(mask)))
    local = index[first:last] - np.array(corner)
    inside = ((local >= 0) & (local < np.array(mask.shape))).all(axis=1)
    return int(np.count_nonzero(mask[tuple(local[inside].T)]))


def _connected(index: Ints) -> list[Ints]:
    """Voxels of each connected component (26 neighbours)."""
    mask, corner = _box(index)
    parts = cc3d.connected_components(mask, connectivity=26)
    number = parts[tuple((index - np.array(corner)).T)]
    return [index[number == k] for k in range(1, int(number.max()) + 1)]


def _misfit(index: Ints, grid: Geometry, one: _Nodule) -> str:
    """How a nodule's voxels contradict its annotation; "" if they don't."""
    slack = float(grid.spacing.max())
    centre = grid.to_world(index.mean(axis=0))
    away = float(np.linalg.norm(centre - one.centre))
    if away > one.diameter / 2 + slack / 2:
        return (
            f"is centred {away:.1f} mm beside its centre, its radius being {one.diameter / 2:.1f}"
        )
    diameter = float(np.cbrt(6 / np.pi * len(index) * grid.voxel_mm3))
    low, high = SIZES
    if diameter + slack < low * one.diameter or diameter - slack > high * one.diameter:
        return f"has the volume of a sphere of {diameter:.1f} mm where {one.diameter:.1f} mm stand"
    return ""


def _turned_order(
    labels: Labelled, grid: Geometry, nodules: Sequence[_Nodule], fitting: int
) -> Remark | None:
    """Remark if more labels would fit with some of the axes in reverse order; else None."""
    best, named = fitting, ""
    for axes, name in TURNS.items():
        fits = len(_fit(labels.turned(axes), grid, nodules).boxes)
        if fits > best:
            best, named = fits, name
    if not named:
        return None
    reason = (
        f"{named}, it seems: {best} of {len(nodules)} nodules would have a label that fits, as "
        f"stored {fitting} have"
    )
    remedy = "Store the labels in the order of the scan's own voxels, or remove them."
    return Remark(reason, remedy, fatal=True)


def _box(index: Ints) -> BoxedMask:
    low, high = index.min(axis=0), index.max(axis=0) + 1
    mask = np.zeros(high - low, bool)
    mask[tuple((index - low).T)] = True
    return mask, corner_of(low)


def _listed(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last
