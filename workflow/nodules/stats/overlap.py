"""Agreement of two binary masks: Dice, IoU, sensitivity, average surface distance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_erosion, generate_binary_structure
from scipy.spatial import cKDTree

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Overlap:
    """Agreement of a mask with a reference; NaN where it is undefined."""

    dice: float
    iou: float
    sensitivity: float
    surface_mm: float


def compare(mask: Mask, reference: Mask, spacing: ArrayLike) -> Overlap:
    """All measures of a mask against a reference of the same shape.

    Masks are boolean arrays; spacing is in mm along the same axes. Cropping away voxels that are
    background in both masks changes no measure.
    """
    return Overlap(
        dice(mask, reference),
        iou(mask, reference),
        sensitivity(mask, reference),
        surface_distance(mask, reference, spacing),
    )


def dice(mask: Mask, reference: Mask) -> float:
    """Dice coefficient 2 |A and B| / (|A| + |B|); NaN if both masks are empty."""
    return _quotient(2 * _common(mask, reference), _size(mask) + _size(reference))


def iou(mask: Mask, reference: Mask) -> float:
    """Jaccard index |A and B| / |A or B|; NaN if both masks are empty."""
    return _quotient(_common(mask, reference), int(np.count_nonzero(mask | reference)))


def sensitivity(mask: Mask, reference: Mask) -> float:
    """Share of the reference that the mask covers; NaN if the reference is empty."""
    return _quotient(_common(mask, reference), _size(reference))


def surface_distance(mask: Mask, reference: Mask, spacing: ArrayLike) -> float:
    """Average symmetric surface distance in mm; NaN if either mask is empty.

    Mean distance from the surface voxels of both masks, pooled, to the nearest surface voxel of
    the other mask (Heimann et al. 2009, doi:10.1109/TMI.2009.2013851). A surface voxel has a face
    neighbour outside its mask; everything beyond the array counts as outside.
    """
    if not mask.any() or not reference.any():
        return float("nan")
    step = np.asarray(spacing, float)
    one, other = (np.argwhere(surface(m)) * step for m in (mask, reference))
    distances = [cKDTree(other).query(one)[0], cKDTree(one).query(other)[0]]
    return float(np.concatenate(distances).mean())


def surface(mask: Mask) -> Mask:
    """Voxels of the mask that have a face neighbour outside it."""
    faces = generate_binary_structure(mask.ndim, 1)
    return mask & ~binary_erosion(mask, faces, border_value=0)


def _common(mask: Mask, reference: Mask) -> int:
    return _size(mask & reference)


def _size(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


def _quotient(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else float("nan")
