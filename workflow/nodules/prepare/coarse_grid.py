"""The grid of about 2 mm on which lungs are looked for, and masks dilated and closed by balls.

The native grid is the scan's own, near LPS; the coarse one has every so many of its slices, in
square pixels of GRID_MM.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry

Mask = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Volume = NDArray[np.int16]
Spacing = tuple[float, float]  # mm of z and of the pixels

GRID_MM = 2.0  # about; finer than a lung's shape needs


def decimate(volume: Volume, geometry: Geometry) -> tuple[Volume, Spacing]:
    """The volume on square pixels of about GRID_MM, and its spacing (z, pixel) in mm."""
    step, (rows, cols) = z_step(geometry), coarse_size(geometry)
    _, height, width = volume.shape
    kernel = [2 * (n // (2 * small)) + 1 for n, small in ((width, cols), (height, rows))]
    chosen = volume[coarse_slices(geometry)]
    coarse = np.empty((len(chosen), rows, cols), np.int16)
    for image, out in zip(chosen, coarse, strict=True):
        cv2.resize(cv2.blur(image, kernel), (cols, rows), dst=out)
    return coarse, (geometry.spacing_zyx[0] * step, GRID_MM)


def shrink(mask: Mask, geometry: Geometry) -> Bools:
    """A native mask on the coarse grid."""
    chosen, (rows, cols) = mask[coarse_slices(geometry)], coarse_size(geometry)
    coarse = np.empty((len(chosen), rows, cols), np.uint8)
    for image, out in zip(chosen, coarse, strict=True):
        cv2.resize(image, (cols, rows), dst=out, interpolation=cv2.INTER_NEAREST)
    return coarse > 0


def refine(mask: Bools, geometry: Geometry) -> Mask:
    """The coarse mask on the native grid: linear between pixel centres and between slices."""
    shape, step = geometry.shape, z_step(geometry)
    fine = np.empty(shape, np.uint8)
    grey = mask.view(np.uint8) * np.uint8(255)
    positions = (np.arange(shape[0]) - coarse_slices(geometry).start) / step
    for position, out in zip(np.clip(positions, 0, len(mask) - 1), fine, strict=True):
        low = int(position)
        image = grey[low]
        if position > low:
            share = position - low
            image = cv2.addWeighted(image, 1 - share, grey[low + 1], share, 0)
        cv2.resize(image, (shape[2], shape[1]), dst=out)
        cv2.threshold(out, 127, 1, cv2.THRESH_BINARY, dst=out)
    return fine


def z_step(geometry: Geometry) -> int:
    """Step in native slices between those of the coarse grid."""
    return max(1, int(GRID_MM / geometry.spacing_zyx[0]))


def coarse_slices(geometry: Geometry) -> slice:
    """The native slices that the coarse grid has."""
    step = z_step(geometry)
    return slice(min((step - 1) // 2, geometry.shape[0] - 1), None, step)


def coarse_size(geometry: Geometry) -> tuple[int, int]:
    """Rows and columns of a slice on the coarse grid."""
    _, mm_y, mm_x = geometry.spacing_zyx
    _, height, width = geometry.shape
    return max(1, round(height * mm_y / GRID_MM)), max(1, round(width * mm_x / GRID_MM))


def grow(mask: Mask, geometry: Geometry, margin_mm: float) -> Mask:
    """A mask with everything within `margin_mm` of it, in 3-D, accurate to about half of GRID_MM.

    mask: uint8 (z, y, x) on `geometry`; the result likewise.
    """
    spacing = (geometry.spacing_zyx[0] * z_step(geometry), GRID_MM)
    return refine(dilate(shrink(mask, geometry), spacing, margin_mm), geometry)


def close(mask: Bools, spacing: Spacing, radius_mm: float) -> Bools:
    """Close a mask with a ball: fill every place that no ball outside the mask reaches.

    mask: bool (z, y, x). spacing: mm of z and of the pixels. The first and last slices are repeated
    beyond the ends, since a scan may end within the lungs.
    """
    reach = [math.ceil(radius_mm / mm) + 1 for mm in spacing]
    padded = np.pad(mask, ((0, 0), (reach[1],) * 2, (reach[1],) * 2))
    padded = np.pad(padded, ((reach[0],) * 2, (0, 0), (0, 0)), mode="edge")
    closed = ~dilate(~dilate(padded, spacing, radius_mm), spacing, radius_mm)
    return closed[reach[0] : -reach[0], reach[1] : -reach[1], reach[1] : -reach[1]]


def dilate(mask: Bools, spacing: Spacing, radius_mm: float) -> Bools:
    """Voxels whose centre lies within `radius_mm` of a mask voxel's centre.

    mask: bool (z, y, x). spacing: mm of z and of the pixels. Distances within a slice are OpenCV's
    (5 x 5 mask, off by 2 % at most), combined across slices by Pythagoras.
    """
    near = np.zeros(mask.shape, np.bool_)
    box = around(mask, tuple(math.ceil(radius_mm / mm) for mm in (spacing[0], *[spacing[1]] * 2)))
    distance = np.full(mask[box].shape, np.inf, np.float32)
    for image, out in zip(mask[box], distance, strict=True):
        if image.any():
            out[:] = cv2.distanceTransform((~image).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    slices = len(distance)
    for step in range(min(int(radius_mm / spacing[0]), slices - 1) + 1):
        across = step * spacing[0]
        disc = distance <= math.sqrt(radius_mm**2 - across**2) / spacing[1]
        near[box][step:] |= disc[: slices - step]
        near[box][: slices - step] |= disc[step:]
    return near


def around(mask: Bools, reach: tuple[int, ...] = (0, 0, 0)) -> tuple[slice, ...]:
    """Bounding box of a mask plus `reach` voxels, within the array; empty for an empty mask."""
    front, side = np.any(mask, axis=0), np.any(mask, axis=2)
    found = (np.any(side, axis=1), np.any(front, axis=1), np.any(front, axis=0))
    box = []
    for line, more in zip(found, reach, strict=True):
        at = np.flatnonzero(line)
        box.append(slice(max(at[0] - more, 0), at[-1] + 1 + more) if len(at) else slice(0))
    return tuple(box)
