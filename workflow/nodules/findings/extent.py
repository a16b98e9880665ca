"""Long and short axis of a mask, as a reader measures them in an axial slice."""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EDGES = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])  # half a pixel, twice


def axes(mask: NDArray[np.bool_], spacing: tuple[float, float]) -> tuple[float, float]:
    """Longest extent in mm within a slice of a mask (z, y, x), and that at right angles to it.

    spacing: mm between rows, between columns. Extents reach from edge to edge of the pixels: the
    points are the middles of the pixels' edges, as in a mesh between inside and outside. The slice
    is the one with the longest extent, as RECIST has it (Eisenhauer et al., Eur J Cancer 45(2),
    2009, 10.1016/j.ejca.2008.10.026). 0 for an empty mask.
    """
    found = [_in_slice(image, np.array(spacing)) for image in mask if image.any()]
    return max(found, default=(0.0, 0.0))


def _in_slice(image: NDArray[np.bool_], spacing: Floats) -> tuple[float, float]:
    """Longest extent of a slice's mask, and that at right angles to it."""
    points = _outer(image) * spacing
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    one, other = np.unravel_index(apart.argmax(), apart.shape)
    along = (points[other] - points[one]) / apart[one, other]
    across = points @ np.array([-along[1], along[0]])
    return float(apart[one, other]), float(np.ptp(across))


def _outer(image: NDArray[np.bool_]) -> Floats:
    """Corners (n, 2) of the convex hull of the middles of the pixels' edges; row, column.

    Only each row's first and last pixel and each column's can be on it. Twice the places are whole
    numbers, so the hull is exact; that of places in mm has the same corners.
    """
    ends = np.zeros(image.shape, np.bool_)
    for axis in (0, 1):
        line = np.flatnonzero(image.any(axis=axis))
        first = image.argmax(axis=axis)[line]
        last = image.shape[axis] - 1 - np.flip(image, axis).argmax(axis=axis)[line]
        for end in (first, last):
            ends[(end, line) if axis == 0 else (line, end)] = True
    twice = (2 * np.argwhere(ends)[:, None] + EDGES).reshape(-1, 1, 2).astype(np.int32)
    return np.asarray(cv2.convexHull(twice), float)[:, 0] / 2
