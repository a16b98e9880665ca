"""Nodules cut out of training volumes and pasted, turned and scaled, into training lungs.

Copy-paste (Ghiasi et al., CVPR 2021, arXiv:2012.07177) for nodules: few patients' nodules in many
places of few patients' lungs. Never across a split: both come from one fold's training scans.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from nodules.findings.size import sphere_diameter
from nodules.images.spheres import Box
from nodules.learning.tasks.volume_truth import Taught
from nodules.prepare.cubes import Corner, cube

Floats = NDArray[np.float32]

MOST_COPIES = 600  # that are ready to be pasted
LEAST_MM3 = 15.0  # a nodule of fewer voxels has no shape to scale
MARGIN = 3  # voxels around a nodule's mask that come with it
DIAMETERS_MM = (3.5, 26.0)  # of what is pasted, spread evenly over its logarithm
SCALES = (0.35, 1.8)  # of a nodule: beyond, it is no longer like one
SHAPE_SPREAD = 0.12  # of the three axes' scales against each other
DENSITY_SPREAD = 9.0  # grey levels, of 255 for 1400 HU: 50 HU
EDGE_MM = (0.4, 0.8)  # over which its edge fades
THROUGH_PLANE_MM = (0.2, 1.1)  # blur along z, as thick slices have it
SEEN = 0.5  # of the fading mask: what counts as nodule


class Insert(NamedTuple):
    """A nodule to paste: grey levels and how far each counts, 0 to 1, both float (z, y, x)."""

    grey: Floats
    weight: Floats
    diameter_mm: float


def cut_out(grey: NDArray[np.uint8], box: Box) -> Insert | None:
    """A nodule with a little around it; None where its mask is empty. Weights are 0 or 1."""
    mask, corner = box
    if not mask.any():
        return None
    low = [c - MARGIN for c in corner]
    shape = [n + 2 * MARGIN for n in mask.shape]
    inside = np.pad(mask, MARGIN).astype(np.float32)
    return Insert(cube(grey, low, shape).astype(np.float32), inside, 0.0)


def bank(training: Sequence[Taught], count: int, rng: np.random.Generator) -> list[Insert]:
    """Turned and scaled copies of the training nodules, each nodule about as often as any other.

    count: so many pastes are to come in an epoch; more copies than MOST_COPIES, or than nodules,
    are not made.
    """
    nodules = [
        insert
        for volume, truth in training
        for box in truth.masks
        if box[0].sum() * volume.grid.voxel_mm3 >= LEAST_MM3
        if (insert := cut_out(volume.array, box)) is not None
    ]
    if not nodules or not count:
        return []
    spacing = training[0][0].spacing_mm
    order = rng.permutation(len(nodules))
    copies = min(count, max(MOST_COPIES, len(nodules)))
    found = [varied(nodules[order[i % len(order)]], spacing, rng) for i in range(copies)]
    return [copy for copy in found if copy.diameter_mm > 0]


def varied(nodule: Insert, spacing_mm: float, rng: np.random.Generator) -> Insert:
    """A nodule turned at random, scaled to a diameter of DIAMETERS_MM, shifted in density."""
    own = sphere_diameter(float(nodule.weight.sum()) * spacing_mm**3)
    wanted = np.exp(rng.uniform(*np.log(DIAMETERS_MM)))
    scale = np.clip(wanted / own, *SCALES) * np.exp(rng.normal(0, SHAPE_SPREAD, 3))
    back = np.diag(1 / scale) @ Rotation.random(random_state=rng).as_matrix()
    middle = ndimage.center_of_mass(nodule.weight)
    reach = (np.array(nodule.weight.shape) * scale.max() / 2 * 1.2).max()
    side = 2 * int(np.ceil(reach)) + 1
    offset = middle - back @ np.full(3, (side - 1) / 2)
    grey, weight = (
        ndimage.affine_transform(part, back, offset, (side,) * 3, order=1, mode=mode)
        for part, mode in ((nodule.grey, "nearest"), (nodule.weight, "constant"))
    )
    edge = rng.uniform(*EDGE_MM) / spacing_mm
    blur = (np.hypot(edge, rng.uniform(*THROUGH_PLANE_MM) / spacing_mm), edge, edge)
    weight = ndimage.gaussian_filter(weight, blur)
    places = np.argwhere(weight > 0.02)
    if not (weight >= SEEN).any():
        return Insert(grey[:0], weight[:0], 0.0)
    part = tuple(slice(a, b + 1) for a, b in zip(places.min(0), places.max(0), strict=True))
    grey = grey[part] + rng.normal(0, DENSITY_SPREAD)
    diameter = sphere_diameter(float((weight >= SEEN).sum()) * spacing_mm**3)
    return Insert(grey.astype(np.float32), weight[part].astype(np.float32), diameter)


def paste(patch: Floats, insert: Insert, corner: Corner) -> Box:
    """Blend a nodule into a patch, in place; returns its voxels' mask, in a box of the patch.

    corner: of the insert in the patch; it must fit.
    """
    place = tuple(slice(c, c + n) for c, n in zip(corner, insert.weight.shape, strict=True))
    weight = insert.weight
    patch[place] = patch[place] * (1 - weight) + np.maximum(insert.grey, 0) * weight
    return weight >= SEEN, corner
