"""Axial, coronal and sagittal views of a scan around a point, windowed and to scale.

Arrays are (z, y, x) on the scan's native grid, z from feet to head. A view is a square of VIEW_PX
pixels and VIEW_MM a side; its rows run from the patient's front or head down.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from nodules.images.geometry import Geometry
from nodules.images.spheres import BoxedMask

WINDOW = (-1350, 150)  # HU: lung, level -600, width 1500
WINDOW_TEXT = f"{WINDOW[0]} to {WINDOW[1]} HU (level -600, width 1500)"
VIEW_MM, VIEW_PX = 60.0, 240

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Plane:
    """One plane of a scan through a point, and the letters of its left and right sides.

    axis: array axis at right angles to the plane; index: slice along it. centre: (row, column) of
    the point. mm: from row to row and from column to column; negative where rows run from feet to
    head, which are then flipped.
    """

    name: str
    axis: int
    index: int
    centre: tuple[float, float]
    mm: tuple[float, float]
    sides: tuple[str, str]

    def grey(self, voxels: NDArray[np.int16], window: tuple[float, float] = WINDOW) -> Image:
        """Grey values (VIEW_PX, VIEW_PX), 0 to 255, of a scan's HU in this plane, in a window."""
        return grey(np.take(voxels, self.index, self.axis), self.centre, self.mm, window)

    def inside(self, box: BoxedMask, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
        """View (VIEW_PX, VIEW_PX) of a mask in this plane. shape: of the scan."""
        mask, corner = box
        flat = np.zeros([n for axis, n in enumerate(shape) if axis != self.axis], np.uint8)
        depth = self.index - corner[self.axis]
        if 0 <= depth < mask.shape[self.axis]:
            cut = np.take(mask, depth, self.axis)
            row, column = (c for axis, c in enumerate(corner) if axis != self.axis)
            flat[row : row + cut.shape[0], column : column + cut.shape[1]] = cut
        return inside(flat, self.centre, self.mm) > 0


def through(point: ArrayLike, grid: Geometry) -> Iterator[Plane]:
    """The three planes through a fractional index (z, y, x) of a grid in patient order."""
    z, y, x = (float(value) for value in np.asarray(point))
    planes = [
        round(float(np.clip(i, 0, n - 1))) for i, n in zip((z, y, x), grid.shape, strict=True)
    ]
    mm_z, mm_y, mm_x = (float(mm) for mm in grid.spacing_zyx)
    yield Plane("axial", 0, planes[0], (y, x), (mm_y, mm_x), ("R", "L"))
    yield Plane("coronal", 1, planes[1], (z, x), (-mm_z, mm_x), ("R", "L"))
    yield Plane("sagittal", 2, planes[2], (z, y), (-mm_z, mm_y), ("A", "P"))


def grey(
    hu: NDArray[np.int16],
    centre: tuple[float, float],
    mm: tuple[float, float],
    window: tuple[float, float] = WINDOW,
) -> Image:
    """Grey values (VIEW_PX, VIEW_PX) of a plane's HU around a point, in a window."""
    low, high = window
    shown = np.clip((hu.astype(np.float32) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    return _view(np.ascontiguousarray(shown), centre, mm, cv2.INTER_LINEAR)


def inside(mask: NDArray[np.uint8], centre: tuple[float, float], mm: tuple[float, float]) -> Image:
    """The same view (VIEW_PX, VIEW_PX) of a plane's mask, 0 or 1."""
    return _view(mask, centre, mm, cv2.INTER_NEAREST)


def _view(image: Image, centre: tuple[float, float], mm: tuple[float, float], how: int) -> Image:
    step, middle = VIEW_MM / VIEW_PX, (VIEW_PX - 1) / 2
    rows, columns = (step / side for side in mm)
    matrix = np.array(
        [
            [columns, 0, centre[1] - middle * columns],
            [0, rows, centre[0] - middle * rows],
        ]
    )
    flags = cv2.WARP_INVERSE_MAP | how
    return np.asarray(cv2.warpAffine(image, matrix, (VIEW_PX, VIEW_PX), flags=flags), np.uint8)
