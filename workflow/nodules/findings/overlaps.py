"""Voxels that candidates share with lesions: the hits if `scoring.hit` is overlap.

Masks are boxes (z, y, x) on the scan's native grid.
"""

import numpy as np
import pandas as pd

from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.images.spheres import BoxedMask
from nodules.prepare import masks


def on_native(rows: pd.DataFrame, slices: Geometry, native: Geometry) -> BoxedMask:
    """A candidate's region on the native grid; 3-D networks' regions already lie on it."""
    box = regions.box(rows)
    drawn_there = rows["grid"].iloc[0] == "native"
    return box if drawn_there else masks.transferred(box, slices, native)


def shared(one: BoxedMask, other: BoxedMask) -> int:
    """Number of voxels that two masks share."""
    low = np.maximum(one[1], other[1])
    high = np.minimum(np.add(one[1], one[0].shape), np.add(other[1], other[0].shape))
    if (high <= low).any():
        return 0
    parts = [
        mask[tuple(slice(a, b) for a, b in zip(low - corner, high - corner, strict=True))]
        for mask, corner in (one, other)
    ]
    return int((parts[0] & parts[1]).sum())


def of_scan(
    uid: str, truth: pd.DataFrame, found: pd.DataFrame, slices: Geometry, native: Geometry
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All overlapping pairs of candidate and lesion in a scan, and the lesions compared.

    truth, found: tables `regions` of the scan's reference masks and of its candidates. Returns
    columns seriesuid, candidate, nodule, voxels; and seriesuid, nodule of lesions with a mask.
    """
    of_kind = regions.select(truth, "readers", "native")
    lesions = {int(number): regions.box(rows) for number, rows in of_kind.groupby("region")}
    candidates = {
        int(number): on_native(rows, slices, native) for number, rows in found.groupby("region")
    }
    touching = [
        (uid, candidate, lesion, voxels)
        for candidate, own in candidates.items()
        for lesion, box in lesions.items()
        if (voxels := shared(own, box))
    ]
    return (
        pd.DataFrame(touching, columns=["seriesuid", "candidate", "nodule", "voxels"]),
        pd.DataFrame([(uid, number) for number in lesions], columns=["seriesuid", "nodule"]),
    )
