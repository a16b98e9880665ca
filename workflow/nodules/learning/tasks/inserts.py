"""Copy-paste augmentation: nodules cut from training volumes, varied, pasted into training lungs.

As Ghiasi et al. (CVPR 2021, arXiv:2012.07177) paste objects: the nodules of few patients come to
lie in many places of few patients' lungs. Nodule and lung are of the same fold's training scans.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from nodules.findings.size import sphere_diameter
from nodules.images.spheres import BoxedMask
from nodules.learning.tasks.volume_truth import VolumeWithTruth
from nodules.prepare.cubes import Corner, cube

Floats32 = NDArray[np.float32]

MOST_COPIES = 600  # in the bank, unless there are more nodules
LEAST_MM3 = 15.0  # a smaller nodule has no shape worth scaling
MARGIN = 3  # voxels around a nodule's mask that are cut out with it
DIAMETERS_MM = (3.5, 26.0)  # of pasted nodules, uniform in the logarithm
SCALES = (0.35, 1.8)  # limits of scaling: beyond, it no longer looks like a nodule
SHAPE_SPREAD = 0.12  # standard deviation of each axis's log scale
DENSITY_SPREAD = 9.0  # standard deviation in grey levels, 255 for 1400 HU: 50 HU
EDGE_MM = (0.4, 0.8)  # blur of its edge
THROUGH_PLANE_MM = (0.2, 1.1)  # further blur along z, as in thick slices
SEEN = 0.5  # weight from which a voxel counts as nodule


class Insert(NamedTuple):
    """A nodule to paste: grey levels, and weights from 0 to 1 to blend them by; float (z, y, x)."""

    grey: Floats32
    weight: Floats32
    diameter_mm: float


def cut_out(grey: NDArray[np.uint8], box: BoxedMask) -> Insert | None:
    """A nodule with MARGIN voxels around it, weights 0 or 1; None if its mask is empty."""
    mask, corner = box
    if not mask.any():
        return None
    low = [c - MARGIN for c in corner]
    shape = [n + 2 * MARGIN for n in mask.shape]
    inside = np.pad(mask, MARGIN).astype(np.float32)
    return Insert(cube(grey, low, shape).astype(np.float32), inside, 0.0)


def bank(training: Sequence[VolumeWithTruth], count: int, rng: np.random.Generator) -> list[Insert]:
    """Rotated and scaled copies of the training nodules, of each about equally many.

    count: number of pastes in an epoch. There are no more copies than that, and no more than
    MOST_COPIES or, if larger, the number of nodules.
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
    """A nodule rotated at random, scaled towards a diameter of DIAMETERS_MM, shifted in density.

    The insert is empty, with diameter 0, if nothing of the nodule is left.
    """
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


def paste(patch: Floats32, insert: Insert, corner: Corner) -> BoxedMask:
    """Blend a nodule into a patch, in place; returns the mask of its voxels, in a box of the patch.

    corner: index (z, y, x) in the patch of the insert's first voxel; the insert must fit.
    """
    place = tuple(slice(c, c + n) for c, n in zip(corner, insert.weight.shape, strict=True))
    weight = insert.weight
    patch[place] = patch[place] * (1 - weight) + np.maximum(insert.grey, 0) * weight
    return weight >= SEEN, corner
