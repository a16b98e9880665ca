"""A scan's slices or volume in memory, for running networks without the workflow."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry
from nodules.prepare import coarse_grid, lung_grid, volume_cut
from nodules.prepare.slices import SliceSettings, cut
from nodules.prepare.stacks import Stack
from nodules.prepare.volumes import Volume

NOWHERE = Path()


def stack_of(
    uid: str,
    volume: NDArray[np.int16],
    geometry: Geometry,
    mask: coarse_grid.Mask,
    settings: SliceSettings,
) -> Stack:
    """The stack that the workflow would store for a scan, held in memory.

    volume: int16 HU (z, y, x) on `geometry`, nearest to LPS; mask: its lungs, uint8. The stack has
    no table and no masks, which only trainings need.
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
    mask: coarse_grid.Mask,
    settings: volume_cut.VolumeSettings,
) -> Volume:
    """The resampled volume that the workflow would store for a scan, held in memory."""
    made = volume_cut.cut(volume, geometry, mask, settings)
    held = Volume(uid, NOWHERE, NOWHERE, NOWHERE)
    held._grids = {"native": geometry, "volume": made.grid}
    held.array, held.lung = made.grey, made.lung
    return held


def lung_stack_of(uid: str, volume: NDArray[np.int16], geometry: Geometry, px: int) -> Stack:
    """The coarse slices, px wide, in which a lung network segments lungs, held in memory."""
    coarse, _ = coarse_grid.decimate(volume, geometry)
    stack = Stack(uid, NOWHERE, NOWHERE, None, "")
    stack.array = lung_grid.images(coarse, px)
    stack._grid_and_lung = (lung_grid.grid(geometry, px), np.zeros(len(coarse), bool))
    return stack
