"""Solids as distance fields, painted with soft edges like a voxel's partial volume.

A field is a float32 array that broadcasts to (z, y, x): the approximate distance in mm to a
surface, negative inside.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Field = NDArray[np.floating[Any]]

FAR = np.float32(200.0)  # mm; farther than any edge's width


def ellipse(x: Field, y: Field, rx: float | Field, ry: float | Field, power: float = 2) -> Field:
    """Superellipse with half axes rx, ry in mm around the origin of x, y."""
    u, v = np.abs(x / rx), np.abs(y / ry)
    radius = np.sqrt(u * u + v * v) if power == 2 else (u**power + v**power) ** (1 / power)
    return _along_ray(radius, x * x + y * y)


def ellipsoid(x: Field, y: Field, z: Field, axes: tuple[float, float, float]) -> Field:
    """Ellipsoid with half axes (x, y, z) in mm around the origin."""
    u, v, w = (np.square(c / r) for c, r in zip((x, y, z), axes, strict=True))
    return _along_ray(np.sqrt(u + v + w), x * x + y * y + z * z)


def tube(x: Field, y: Field, z: Field, along: ArrayLike, radii: tuple[float, float]) -> Field:
    """Tapering tube with round ends from the origin to `along` (x, y, z mm), radii in mm."""
    dx, dy, dz = (float(d) for d in np.asarray(along))
    at = (x * dx + y * dy + z * dz) / max(dx * dx + dy * dy + dz * dz, 1e-6)
    at = np.clip(at, 0, 1)
    square = (x - at * dx) ** 2 + (y - at * dy) ** 2 + (z - at * dz) ** 2
    return np.sqrt(square) - (radii[0] + at * (radii[1] - radii[0]))


def join(*solids: Field, smooth: float = 6.0) -> Field:
    """Union whose inner corners are rounded over `smooth` mm.

    Polynomial smooth minimum, Quilez, https://iquilezles.org/articles/smin.
    """
    union = solids[0]
    for other in solids[1:]:
        overlap = np.maximum(smooth - np.abs(union - other), 0)
        union = np.minimum(union, other) - overlap * overlap * np.float32(0.25 / smooth)
    return union


def meet(*solids: Field, smooth: float = 6.0) -> Field:
    """Intersection whose outer corners are rounded over `smooth` mm."""
    return -join(*(-solid for solid in solids), smooth=smooth)


def where(condition: NDArray[np.bool_]) -> Field:
    """Solid of all voxels that meet a condition, with a sharp edge."""
    return np.where(condition, -FAR, FAR)


def coverage(solid: Field, width: float) -> Field:
    """Share 0-1 of each voxel inside a solid whose edge is `width` mm wide."""
    return np.clip(0.5 - solid / np.float32(width), 0, 1)


def paint(hu: Field, solid: Field, value: float | Field, width: float) -> None:
    """Fill a solid with `value` HU, in place; edges `width` mm wide blend with what is there."""
    hu += coverage(solid, width) * (value - hu)


def shell(
    hu: Field,
    solid: Field,
    inside: float | Field,
    wall: tuple[float | Field, float],
    width: float,
) -> None:
    """Fill a solid with `inside` HU, and its wall of (HU, thickness in mm), in place."""
    paint(hu, solid, wall[0], width)
    paint(hu, solid + np.float32(wall[1]), inside, width)


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[int, int, int]
) -> Field:
    """Smooth noise from knots of unit variance, `cells` of them along z, y, x."""
    knots = rng.standard_normal(cells, dtype=np.float32)
    planes = np.stack([_resize(knot, (shape[2], shape[1])) for knot in knots])
    flat = _resize(planes.reshape(cells[0], -1), (shape[1] * shape[2], shape[0]), along_z=True)
    return flat.reshape(shape)


def blur(hu: Field, sigma_px: float, across: float) -> Field:
    """Gaussian blur in-plane, then a share `across` of each neighbouring slice is mixed in."""
    sharp = np.stack([cv2.GaussianBlur(plane, (0, 0), sigma_px) for plane in hu])
    result = sharp * np.float32(1 - 2 * across)
    result[1:] += np.float32(across) * sharp[:-1]
    result[:-1] += np.float32(across) * sharp[1:]
    result[0] += np.float32(across) * sharp[0]
    result[-1] += np.float32(across) * sharp[-1]
    return result


def _resize(image: Field, size: tuple[int, int], along_z: bool = False) -> Field:
    if not along_z:
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.float32)
    # OpenCV cannot resize images as wide as a flattened slice, so rows are interpolated here.
    at = np.linspace(0, len(image) - 1, size[1])
    low = np.minimum(at.astype(int), max(len(image) - 2, 0))
    high = np.minimum(low + 1, len(image) - 1)
    share = (at - low).astype(np.float32)[:, None]
    return image[low] * (1 - share) + image[high] * share


def _along_ray(radius: Field, square: Field) -> Field:
    """Distance to the surface along the ray from the centre; the surface is at radius 1."""
    return np.sqrt(square) * (1 - 1 / np.maximum(radius, np.float32(0.02)))
