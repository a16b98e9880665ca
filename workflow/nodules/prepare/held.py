"""A scan's slices or volume held in memory, for whoever asks networks without a workflow around."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry
from nodules.prepare import lung_grid, lungs, volume_cut
from nodules.prepare.slices import SliceSettings, cut
from nodules.prepare.stacks import Stack
from nodules.prepare.volumes import Volume

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


def volume_of(
    uid: str,
    volume: NDArray[np.int16],
    geometry: Geometry,
    mask: lungs.Mask,
    settings: volume_cut.VolumeSettings,
) -> Volume:
    """The volume of equal steps that the workflow would store of a scan, without a file."""
    made = volume_cut.cut(volume, geometry, mask, settings)
    held = Volume(uid, NOWHERE, NOWHERE, NOWHERE)
    held._grids = {"native": geometry, "volume": made.grid}
    held.array, held.lung = made.grey, made.lung
    return held


def lung_stack_of(uid: str, volume: NDArray[np.int16], geometry: Geometry, px: int) -> Stack:
    """The coarse slices, px wide, in which a lung network looks for lungs, without a file."""
    coarse, _ = lungs.decimate(volume, geometry)
    stack = Stack(uid, NOWHERE, NOWHERE, None, "")
    stack.array = lung_grid.images(coarse, px)
    stack._grid_and_lung = (lung_grid.grid(geometry, px), np.zeros(len(coarse), bool))
    return stack
