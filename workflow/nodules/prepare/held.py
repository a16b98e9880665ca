"""A scan's slices held in memory, for whoever asks networks without a workflow around."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry
from nodules.prepare import lungs
from nodules.prepare.slices import SliceSettings, cut
from nodules.prepare.stacks import Stack

NOWHERE = Path()


def stack_of(
    uid: str,
    volume: NDArray[np.int16],
    geometry: Geometry,
    mask: lungs.Mask,
    settings: SliceSettings,
) -> Stack:
    """The stack that the workflow would store of a scan, without a file.

    volume: int16 HU (z, y, x) on `geometry`, nearest to LPS; mask: its lungs, uint8. Its table
    and its masks, which only trainings need, are not there.
    """
    array, grid, _ = cut(volume, geometry, mask, settings)
    stack = Stack(uid, NOWHERE, NOWHERE, None, "")
    stack.array = array
    stack._grid_and_lung = (grid, np.array([bool(image.any()) for image in mask]))
    return stack
