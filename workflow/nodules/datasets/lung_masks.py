"""Lung masks supplied with the scans, in LUNA16's form: label volumes on the scan's own grid."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nodules.base.files import FileDefect
from nodules.images.geometry import Geometry
from nodules.images.metaimage import read_volume
from nodules.images.volume import same_grid

LEFT, RIGHT = 3, 4  # LUNA16's labels; 5 is the trachea with the main bronchi, 0 everything else
SAME_MM = 0.1  # largest distance between corresponding voxels: headers are rounded
GRID = (
    "Name the masks of these very scans in lungs.masks_dir, or write the mask anew on the scan's"
    " own grid."
)
LABELS = f"Store the left lung as {LEFT} and the right one as {RIGHT}, as LUNA16 does."


def read_mask(header: str | Path, grid: Geometry) -> NDArray[np.uint8]:
    """Both lungs of a mask, as uint8 (z, y, x) of 0 and 1 on `grid`.

    grid: the scan's grid, reoriented to lie nearest to LPS. The mask may be stored with other axes
    or flips than its scan. Raises UserError that names the file if it cannot be read, has another
    grid or contains no lung.
    """
    labels, own = read_volume(header)
    if reason := misplaced(own, grid):
        raise FileDefect(str(header), reason, GRID)
    mask = ((labels == LEFT) | (labels == RIGHT)).view(np.uint8)
    if not mask.any():
        raise FileDefect(str(header), without_lung(np.unique(labels).tolist()), LABELS)
    return mask


def misplaced(own: Geometry, grid: Geometry) -> str:
    """How a mask's grid differs from its scan's (both nearest to LPS); "" if it does not."""
    if own.shape != grid.shape:
        sizes = (" x ".join(str(n) for n in g.shape[::-1]) for g in (own, grid))
        return "the lung mask has {} voxels and its scan {}, in x, y, z".format(*sizes)
    if same_grid(own, grid, SAME_MM):
        return ""
    return f"the lung mask has another grid than its scan: voxels lie over {SAME_MM} mm apart"


def without_lung(values: Collection[int]) -> str:
    """Defect of a mask with these values, none of which is a lung label."""
    few = ", ".join(str(value) for value in sorted(values)[:6])
    more = ", .." if len(values) > 6 else ""
    return f"no voxel of the lung mask is {LEFT} or {RIGHT}; its values are {few}{more}"
