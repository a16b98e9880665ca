"""The checks that `luna16 check` makes of a scan, for one in memory."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nodules.datasets import check
from nodules.datasets.hounsfield import LOWEST, VALUES, Verdict
from nodules.datasets.voxels import Identity, Planes, Voxels
from nodules.images.geometry import Geometry
from nodules.images.metaimage_header import Header


def verdicts(volume: NDArray[np.int16], geometry: Geometry) -> list[Verdict]:
    """Defects of a scan's grid and values, fatal or not; empty if there are none.

    volume: int16 HU (z, y, x) on `geometry`.
    """
    nowhere = Path()
    header = Header(
        path=nowhere,
        shape=geometry.shape,
        spacing=geometry.spacing,
        origin=geometry.origin,
        direction=geometry.direction,
        element=volume.dtype,
        data=nowhere,
        compressed=False,
        compressed_bytes=None,
    )
    return check.judge_grid(header) + check.judge_values(header, _seen(volume))


def _seen(volume: NDArray[np.int16]) -> Voxels:
    """Statistics of all voxels; the fields for hashes and identity are left empty."""
    planes = Planes(volume[0].size)
    by_bits = np.zeros(VALUES, np.int64)
    for plane in volume:
        flat = np.ascontiguousarray(plane).reshape(-1)
        planes.add(flat)
        by_bits += np.bincount(flat.view(np.uint16), minlength=VALUES)
    counts = np.roll(by_bits, VALUES // 2)
    seen = np.flatnonzero(counts)
    low, high = float(seen[0] + LOWEST), float(seen[-1] + LOWEST)
    return Voxels("", low, high, counts, Identity("", "", volume.size), planes)
