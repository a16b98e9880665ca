"""Reference masks of a scan's nodules: spheres, each reader's outline, and the readers' consensus.

Every mask is a boolean box (z, y, x) with its corner, the grid index of its first voxel.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.datasets.labels import Fit, Labelled, fit
from nodules.datasets.outlines import link
from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.images.spheres import Bools, BoxedMask, Corner, clipped, corner_of, sphere, window


@dataclass(frozen=True)
class Drawn:
    """A scan's masks as table `regions`, and the source of each nodule's `readers` mask.

    sources: {nodule: "outlines", "labels" or "sphere"}, the last if there is nothing better. told:
    remarks on the label volume, if there is one.
    """

    rows: pd.DataFrame
    sources: dict[int, str]
    told: list[str]


def draw_scan(
    uid: str,
    stored: Geometry,
    slices: Geometry,
    nodules: pd.DataFrame,
    contours: pd.DataFrame,
    labels: NDArray[np.integer] | None = None,
    agreement: float = 0.5,
    joined: Callable[[Labelled, Geometry, pd.DataFrame], Fit] = fit,
) -> Drawn:
    """All masks of one scan's reference nodules, on the native and the slices grid.

    stored: the scan's grid as on disk; slices: the grid of its stored slices. nodules, contours:
    the scan's rows of the tables of these names. labels: nodule label volume on the native grid. A
    nodule to which `joined` assigns a label gets its mask from the label and not from the readers.
    joined is `labels.fit` unless labels are known to be numbered like the nodules.
    """
    native, _, _ = stored.reoriented()
    by_label = Fit() if labels is None else joined(Labelled.of_volume(labels), native, nodules)
    outlined = _outlined(stored, native, nodules, contours)
    rows: list[dict[str, Any]] = []
    sources: dict[int, str] = {}
    for nodule, centre, diameter in _references(nodules):
        ball = sphere(native, centre, diameter)
        each = outlined.get(nodule, [])
        agreed = consensus([m for m, _ in each], agreement) if each else np.zeros(0, bool)
        truth, sources[nodule] = ball, "sphere"
        if nodule in by_label.boxes:
            truth, sources[nodule] = by_label.boxes[nodule], "labels"
            each = [truth] if by_label.single else each
        elif agreed.any():
            truth, sources[nodule] = (agreed, each[0][1]), "outlines"
        else:
            each = []  # what too few of them share is what nobody has drawn
        drawn = [
            ("sphere", "native", ball),
            ("sphere", "slices", sphere(slices, centre, diameter)),
            ("readers", "native", truth),
            ("readers", "slices", transferred(truth, native, slices)),
            *((f"reader_{k}", "native", one) for k, one in enumerate(each, 1)),
        ]
        for kind, grid, (mask, corner) in drawn:
            rows.extend(regions.encode(uid, kind, grid, nodule, mask, corner))
    return Drawn(tables.frame("regions", rows), sources, [told.reason for told in by_label.told])


def annotations(
    stored: Geometry, nodules: pd.DataFrame, contours: pd.DataFrame
) -> dict[int, list[int]]:
    """For each nodule with outlines, their values of column `annotation`.

    Outlines are joined to nodules as in `draw_scan`, so a nodule's ratings and mask come from the
    same readers.
    """
    _, owner = _linked(stored, stored.reoriented()[0], nodules, contours)
    return {n: [a for a, o in owner.items() if o == n] for n in sorted(set(owner.values()) - {0})}


def consensus(masks: Sequence[Bools], agreement: float = 0.5) -> Bools:
    """Voxels in at least a share `agreement` of the masks, all given in the same box."""
    votes = np.sum(masks, axis=0)
    return votes >= agreement * len(masks) - 1e-9


def filled(outlines: pd.DataFrame) -> BoxedMask:
    """One reader's mask on the stored grid from the outlines (rows of table `contours`).

    An outline runs through the first voxels outside, so its own voxels are excluded; vertices
    between voxels are rounded to the nearest. Inclusions are filled first, then exclusions are cut
    out.
    """
    low, high = _extent(outlines)
    inside = np.zeros(high - low + 1, np.uint8)
    ordered = outlines.sort_values("inclusion", ascending=False, kind="stable")
    for z, xs, ys, adds in zip(
        *(ordered[c] for c in ("z_index", "xs", "ys", "inclusion")), strict=True
    ):
        corners = np.rint(np.column_stack([xs, ys])).astype(np.int32) - low[:0:-1].astype(np.int32)
        polygon = np.zeros(inside.shape[1:], np.uint8)
        cv2.fillPoly(polygon, [corners], 1)
        cv2.polylines(polygon, [corners], True, 0)
        layer = inside[round(z) - low[0]]
        layer[polygon > 0] = adds
    return inside.astype(bool), corner_of(low)


def together(boxes: Sequence[BoxedMask]) -> list[BoxedMask]:
    """The same masks, all in their common bounding box."""
    low = np.min([corner for _, corner in boxes], axis=0)
    high = np.max([np.add(corner, mask.shape) for mask, corner in boxes], axis=0)
    return [(_cut(box, low, high), corner_of(low)) for box in boxes]


def reoriented(box: BoxedMask, stored: Geometry) -> BoxedMask:
    """A mask moved from the stored grid to the native grid (`Geometry.reoriented`)."""
    native, permutation, flips = stored.reoriented()
    mask, corner = box
    ends = np.array([corner, np.add(corner, mask.shape) - 1])
    low = np.rint(native.to_index(stored.to_world(ends))).min(axis=0)
    return _turned(mask, permutation, flips), corner_of(low)


def transferred(box: BoxedMask, native: Geometry, slices: Geometry) -> BoxedMask:
    """A mask moved from the native grid to that of the stored slices: same z, other pixels.

    Linear between pixel centres, cut at one half: the boundary stays in place to a fraction of a
    pixel, where nearest-neighbour sampling would shift it by up to half of one.
    """
    mask, corner = box
    low = np.array(corner) - 1
    padded = np.pad(mask, 1).astype(np.float32)
    ends = slices.to_index(native.to_world([low, low + padded.shape]))
    first = np.maximum(np.floor(ends[0]), 0).astype(int)
    last = np.minimum(np.ceil(ends[1]), np.array(slices.shape) - 1).astype(int)
    if mask.size == 0 or (last < first).any():
        return np.zeros((0, 0, 0), bool), corner_of(first)
    at, step = native.to_index(slices.to_world([first, first + 1])) - low
    back = np.array([[step[2] - at[2], 0, at[2]], [0, step[1] - at[1], at[1]]])
    size = (int(last[2] - first[2] + 1), int(last[1] - first[1] + 1))
    layers = [
        cv2.warpAffine(layer, back, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        for layer in padded[1:-1]
    ]
    inside = np.array(layers) >= 0.5
    return clipped((inside, (corner[0], int(first[1]), int(first[2]))), slices.shape)


def _outlined(
    stored: Geometry, native: Geometry, nodules: pd.DataFrame, contours: pd.DataFrame
) -> dict[int, list[BoxedMask]]:
    """Each nodule's reader masks on the native grid, all of a nodule's in one box."""
    found, owner = _linked(stored, native, nodules, contours)
    return {
        int(nodule): together([found[number] for number, o in owner.items() if o == nodule])
        for nodule in sorted(set(owner.values()) - {0})
    }


def _linked(
    stored: Geometry, native: Geometry, nodules: pd.DataFrame, contours: pd.DataFrame
) -> tuple[dict[int, BoxedMask], dict[int, int]]:
    """For each annotation, its mask on the native grid, and its nodule's number or 0."""
    of_reader = {int(number): part for number, part in contours.groupby("annotation", sort=True)}
    points = [_corners_mm(part, stored) for part in of_reader.values()]
    found = [reoriented(filled(part), stored) for part in of_reader.values()]
    centres = [_centre(box, native, p) for box, p in zip(found, points, strict=True)]
    owner = link(points, np.array(centres).reshape(-1, 3), nodules).tolist()
    return dict(zip(of_reader, found, strict=True)), dict(zip(of_reader, owner, strict=True))


def _corners_mm(outlines: pd.DataFrame, stored: Geometry) -> NDArray[np.float64]:
    """(n, 3) world coordinates of some outlines' vertices."""
    index = [
        np.column_stack([np.full(len(xs), z), ys, xs])
        for z, ys, xs in zip(*(outlines[c] for c in ("z_index", "ys", "xs")), strict=True)
    ]
    return stored.to_world(np.concatenate(index))


def _centre(box: BoxedMask, grid: Geometry, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """World centre of a mask; of the outline's vertices if it encloses no voxel."""
    mask, corner = box
    if not mask.any():
        return corners.mean(axis=0)
    return grid.to_world(np.argwhere(mask).mean(axis=0) + corner)


def _references(nodules: pd.DataFrame) -> Iterator[tuple[int, tuple[float, float, float], float]]:
    """Number, world centre (x, y, z) and diameter in mm of each nodule."""
    columns = (nodules[name].tolist() for name in ("nodule", "x", "y", "z", "diameter_mm"))
    for number, x, y, z, diameter in zip(*columns, strict=True):
        yield number, (x, y, z), diameter


def _extent(outlines: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last (z, y, x) index that some outlines touch."""
    z = np.rint(outlines["z_index"].to_numpy())
    y = np.rint(np.concatenate(outlines["ys"].to_list()))
    x = np.rint(np.concatenate(outlines["xs"].to_list()))
    low, high = (np.array([f(axis) for axis in (z, y, x)]) for f in (np.min, np.max))
    return low.astype(np.int64), high.astype(np.int64)


def _turned(array: NDArray, permutation: Corner, flips: Corner) -> NDArray:
    """An array of the stored grid with the axes of the native grid."""
    fz, fy, fx = flips
    return array.transpose(permutation)[::fz, ::fy, ::fx]


def _cut(box: BoxedMask, low: NDArray[np.int64], high: NDArray[np.int64]) -> Bools:
    """A mask in a larger box from `low` up to, but not including, `high`."""
    mask, corner = box
    whole = np.zeros(high - low, bool)
    whole[window(np.subtract(corner, low), mask.shape)] = mask
    return whole
