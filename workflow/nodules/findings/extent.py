"""Long and short axis of a mask, measured in an axial slice as by a reader."""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EDGES = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])  # pixel centre to edges, in half pixels


def axes(mask: NDArray[np.bool_], spacing: tuple[float, float]) -> tuple[float, float]:
    """Longest in-slice extent in mm of a mask (z, y, x), and the extent at right angles to it.

    spacing: mm between rows, between columns. Extents are measured between midpoints of the
    pixels' edges, as in a mesh between inside and outside. Of all slices, the one with the longest
    extent is taken, as in RECIST (Eisenhauer et al., Eur J Cancer 45(2), 2009,
    10.1016/j.ejca.2008.10.026). Both are 0 for an empty mask.
    """
    found = [_in_slice(image, np.array(spacing)) for image in mask if image.any()]
    return max(found, default=(0.0, 0.0))


def _in_slice(image: NDArray[np.bool_], spacing: Floats) -> tuple[float, float]:
    """Longest extent in mm of one slice's mask, and the extent at right angles to it."""
    points = _outer(image) * spacing
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    one, other = np.unravel_index(apart.argmax(), apart.shape)
    along = (points[other] - points[one]) / apart[one, other]
    across = points @ np.array([-along[1], along[0]])
    return float(apart[one, other]), float(np.ptp(across))


def _outer(image: NDArray[np.bool_]) -> Floats:
    """Corners (n, 2), row and column, of the convex hull of the pixels' edge midpoints.

    Only the first and last pixel of each row and column can lie on it. Doubled coordinates are
    integers, so the hull is exact; the hull in mm has the same corners.
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
