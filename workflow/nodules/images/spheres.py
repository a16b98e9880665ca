"""Spheres in a voxel grid: masks for annotations given as centre and diameter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry

Bools = NDArray[np.bool_]
Corner = tuple[int, int, int]
BoxedMask = tuple[Bools, Corner]  # a mask (z, y, x), and the grid index of its first voxel


def sphere(geometry: Geometry, centre: Sequence[float], diameter_mm: float) -> BoxedMask:
    """The voxels nearest to a world point (x, y, z, mm) that together have a sphere's volume.

    Nearly the voxels whose centres lie within diameter / 2. By that simpler rule, with slices
    2.5 mm apart, the volume of an 8 mm nodule is off by over 5 %, and a small one may get no voxel.
    The box is cut at the grid's edges and may be empty.
    """
    radius = diameter_mm / 2
    corners = np.array(centre) + radius * (2 * np.indices((2, 2, 2)).reshape(3, 8).T - 1)
    index = geometry.to_index(corners)
    low = np.floor(index.min(axis=0)).astype(int) - 1
    high = np.ceil(index.max(axis=0)).astype(int) + 2
    voxels = np.moveaxis(np.indices(high - low), 0, -1) + low
    squared = ((geometry.to_world(voxels) - np.array(centre)) ** 2).sum(axis=-1)
    count = max(round(4 / 3 * np.pi * radius**3 / geometry.voxel_mm3), 1)
    # Rounded, so that voxels at equal distances are ranked by index, not by rounding errors.
    nearest = np.argsort(squared.round(6), axis=None, kind="stable")[:count]
    mask = np.zeros(squared.shape, bool)
    mask.flat[nearest] = True
    return clipped((mask, corner_of(low)), geometry.shape)


def clipped(box: BoxedMask, shape: Corner) -> BoxedMask:
    """The part of a mask that lies within a grid of this shape."""
    mask, corner = box
    first = np.clip(np.negative(corner), 0, mask.shape)
    last = np.clip(np.subtract(shape, corner), first, mask.shape)
    return mask[window(first, last - first)], corner_of(np.add(corner, first))


def window(corner: Sequence[int] | NDArray, shape: Sequence[int]) -> tuple[slice, ...]:
    """Slices that index a box with this corner and shape in a grid."""
    return tuple(slice(int(c), int(c) + n) for c, n in zip(corner, shape, strict=True))


def corner_of(index: Sequence[Any] | NDArray) -> Corner:
    """An index (z, y, x) as three Python integers."""
    z, y, x = (int(i) for i in index)
    return z, y, x
