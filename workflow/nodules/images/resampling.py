"""Resampling of unevenly spaced or tilted slices onto a straight, even grid."""

import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry

OUTSIDE_HU = -1024  # beyond the slices; the padding value of scanners
ON_SLICE = 1e-3  # share of a gap or pixel; smaller offsets are not interpolated

Floats = NDArray[np.float64]


def straightened(
    slices: NDArray[np.float32], depths: Floats, sideways: Floats, geometry: Geometry
) -> tuple[NDArray[np.float32], Geometry]:
    """Linear interpolation of slices (n, y, x) onto an even grid with z along their normal.

    depths:   (n,) mm along the normal from the first slice, increasing.
    sideways: (n, 2) mm by which each slice is shifted along x and y of `geometry`.
    geometry: the grid of the first slice, with the step of the new grid as its z spacing.
    The new grid covers all slices, so nothing is cut off, and its pixels coincide with those of the
    first slice. A voxel is OUTSIDE_HU if any of the pixels to interpolate lies outside its slice.
    """
    pixels = sideways / geometry.spacing[:2]  # x, y
    low, high = np.floor(pixels.min(axis=0) + 1e-6), np.ceil(pixels.max(axis=0) - 1e-6)
    step = geometry.spacing[2]
    _, ny, nx = geometry.shape
    x0, y0 = (int(value) for value in low)
    nx, ny = nx + int(high[0]) - x0, ny + int(high[1]) - y0
    nz = int(np.floor(depths[-1] / step + 0.01)) + 1  # no slice beyond the last
    volume = np.empty((nz, ny, nx), np.float32)
    for k in range(nz):
        depth = min(k * step, depths[-1])
        i = min(int(np.searchsorted(depths, depth, side="right")) - 1, len(depths) - 2)
        share = (depth - depths[i]) / (depths[i + 1] - depths[i])
        parts = [(i, 1.0 - share), (i + 1, share)]
        near = [(j, weight) for j, weight in parts if weight > ON_SLICE]
        total = sum(weight for _, weight in near)
        volume[k] = sum(
            _shifted(slices[j], pixels[j] - low, (ny, nx)) * (weight / total) for j, weight in near
        )
    volume[np.isnan(volume)] = OUTSIDE_HU
    origin = geometry.to_world((0, y0, x0))
    return volume, Geometry.build(origin, geometry.spacing, geometry.direction, volume.shape)


def _shifted(
    pixels: NDArray[np.float32], shift: Floats, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """A slice shifted by `shift` (x, y) >= 0 pixels on a canvas (y, x), linearly interpolated.

    NaN where the slice does not reach.
    """
    canvas = np.full((shape[0] + 1, shape[1] + 1), np.nan, np.float32)
    x, y = (int(np.floor(value + 1e-6)) for value in shift)
    ny, nx = pixels.shape
    canvas[y : y + ny, x : x + nx] = pixels
    for axis, part in ((0, shift[1] - y), (1, shift[0] - x)):
        if part > ON_SLICE:
            canvas = canvas * np.float32(1 - part) + np.roll(canvas, 1, axis) * np.float32(part)
    return canvas[: shape[0], : shape[1]]
