"""The grid on which the lung U-Net sees a scan: square slices, SIDE_MM wide, of `px` pixels.

Slices of the coarse grid of `lungs` (about GRID_MM) are centred in a square that holds any field of
view, so that a pixel has the same size in every scan.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry
from nodules.prepare import coarse_grid
from nodules.prepare.coarse_grid import Bools, Volume

SIDE_MM = 512.0  # the widest field of view is 500 mm
SIDE = round(SIDE_MM / coarse_grid.GRID_MM)  # the same in coarse pixels
WINDOW = (-1000, 400)  # HU shown as 0 and 255

Grey = NDArray[np.uint8]
Corner = tuple[int, int]  # row and column of a slice's first pixel in the square


def images(coarse: Volume, px: int) -> Grey:
    """The network's input: uint8 (z, px, px) from int16 HU (z, y, x) on the coarse grid."""
    low, high = WINDOW
    grey = (np.clip(coarse, low, high).astype(np.int32) - low) * 255 // (high - low)
    return _scaled(grey.astype(np.uint8), px)


def truth(found: Bools, px: int) -> Bools:
    """The network's target: bool (z, px, px) from lungs on the coarse grid."""
    return _scaled(found.view(np.uint8) * np.uint8(255), px) > 127


def back(answer: Grey, rows: int, columns: int) -> Grey:
    """The network's output (z, px, px) on the coarse grid (z, rows, columns), by linear scaling."""
    found = np.zeros((len(answer), rows, columns), np.uint8)
    on_square, on_slice = _places(rows, columns)
    for image, out in zip(answer, found, strict=True):
        out[on_slice] = cv2.resize(image, (SIDE, SIDE))[on_square]
    return found


def grid(geometry: Geometry, px: int) -> Geometry:
    """The grid of `images` of a scan on `geometry`."""
    step, chosen = coarse_grid.z_step(geometry), coarse_grid.coarse_slices(geometry)
    count = len(range(*chosen.indices(geometry.shape[0])))
    y0, x0, height, width = square(geometry)
    corner = (chosen.start + 0.5 - step / 2, y0, x0)
    return geometry.resampled(corner, (count * step, height, width), (count, px, px))


def square(geometry: Geometry) -> tuple[float, float, float, float]:
    """The square in native pixels: its first row and column, its height and width."""
    sizes = coarse_grid.coarse_size(geometry)
    y, x = (n / small for n, small in zip(geometry.shape[1:], sizes, strict=True))
    top, left = _corner(*sizes)
    return -top * y, -left * x, SIDE * y, SIDE * x


def _scaled(found: Grey, px: int) -> Grey:
    """Slices (z, y, x) centred in squares of SIDE, which are scaled to px."""
    square, scaled = np.zeros((SIDE, SIDE), np.uint8), np.empty((len(found), px, px), np.uint8)
    on_square, on_slice = _places(*found.shape[1:])
    for image, out in zip(found, scaled, strict=True):
        square[on_square] = image[on_slice]
        cv2.resize(square, (px, px), dst=out, interpolation=cv2.INTER_AREA)
    return scaled


def _corner(rows: int, columns: int) -> Corner:
    """Row and column of a slice's first pixel in the square; negative if the slice is larger."""
    return (SIDE - rows) // 2, (SIDE - columns) // 2


def _places(rows: int, columns: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of the square that a slice covers, and that part within the slice."""
    on_square, on_slice = [], []
    for size, first in zip((rows, columns), _corner(rows, columns), strict=True):
        start, stop = max(first, 0), min(first + size, SIDE)
        on_square.append(slice(start, stop))
        on_slice.append(slice(start - first, stop - first))
    return (on_square[0], on_square[1]), (on_slice[0], on_slice[1])
