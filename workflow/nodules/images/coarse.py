"""Downsampling by averaging, onto a grid of about equal steps along all axes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry

Box = tuple[slice, slice, slice]


def averaged(
    volume: NDArray, geometry: Geometry, box: Box, step_mm: float
) -> tuple[NDArray[np.float32], Geometry]:
    """A box (z, y, x) of a volume, averaged to voxels of about `step_mm`, and its grid.

    Each new voxel is the mean of the voxels it covers, weighted by overlap, which reduces noise and
    avoids aliasing. Outer faces of the box and of the new grid coincide. No axis becomes finer.
    """
    extent = np.array([part.stop - part.start for part in box])
    shape = np.maximum(np.rint(extent * geometry.spacing_zyx / step_mm), 1).astype(int)
    nz, ny, nx = (int(n) for n in np.minimum(shape, extent))
    grid = geometry.resampled([part.start for part in box], extent, (nz, ny, nx))
    weights = _shares(int(extent[0]), nz)
    coarse = np.zeros((nz, ny, nx), np.float32)
    for image, share in zip(volume[box], weights.T, strict=True):
        small = cv2.resize(image.astype(np.float32), (nx, ny), interpolation=cv2.INTER_AREA)
        for k in np.flatnonzero(share):
            coarse[k] += np.float32(share[k]) * small
    return coarse, grid


def _shares(fine: int, coarse: int) -> NDArray[np.float64]:
    """Weights (coarse, fine) of the fine slices in each coarse slice; each row sums to 1."""
    edges = np.linspace(0, fine, coarse + 1)
    first, last = edges[:-1, None], edges[1:, None]
    at = np.arange(fine)
    overlap = np.clip(np.minimum(last, at + 1) - np.maximum(first, at), 0, None)
    return overlap / overlap.sum(axis=1, keepdims=True)
