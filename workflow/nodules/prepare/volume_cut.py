"""A scan's lungs cut out and resampled to an isotropic 8-bit volume, for networks in 3-D."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry
from nodules.prepare import coarse_grid
from nodules.prepare.cubes import Grey, resized
from nodules.prepare.slices import window
from nodules.prepare.volumes import LUNG_STEP


@dataclass(frozen=True)
class VolumeSettings:
    """How volumes are stored; the fields are the keys of the config's section `volumes`."""

    spacing_mm: float  # between voxels along each axis, to within half a voxel over a whole side
    window: tuple[float, float]  # HU shown as 0 and 255
    margin_mm: float  # kept around the lungs


class Cut(NamedTuple):
    """A scan's volume, its grid, and its lung mask on every LUNG_STEP-th voxel."""

    grey: Grey
    grid: Geometry
    lung: Grey


def cut(
    volume: NDArray[np.int16], geometry: Geometry, mask: coarse_grid.Mask, settings: VolumeSettings
) -> Cut:
    """The lungs' box with its margin, windowed and resampled to isotropic voxels.

    volume: int16 HU (z, y, x); mask: its lungs, uint8. The box ends at the scan's own faces; if no
    lung was found it is the whole scan. Along an axis that gets fewer voxels, each is the mean of
    those that it covers; along one that gets more, they are interpolated linearly. The box's outer
    faces are kept (`Geometry.resampled`), so that nothing moves.
    """
    first, extent = lung_box(mask, geometry, settings.margin_mm)
    shape = tuple(
        max(LUNG_STEP, round(n * mm / settings.spacing_mm))
        for n, mm in zip(extent, geometry.spacing_zyx, strict=True)
    )
    box = tuple(slice(a, a + n) for a, n in zip(first, extent, strict=True))
    grid = geometry.resampled(first, extent, shape)
    grey = resized(
        np.stack([window(np.ascontiguousarray(image), settings.window) for image in volume[box]]),
        shape,
    )
    found = mask if mask.any() else np.ones_like(mask)
    steps = (slice(LUNG_STEP // 2, None, LUNG_STEP),) * 3
    lung = (resized(found[box] * np.uint8(255), shape)[steps] >= 128).astype(np.uint8)
    return Cut(grey, grid, lung)


def lung_box(
    mask: coarse_grid.Mask, geometry: Geometry, margin_mm: float
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """First voxel (z, y, x) and size of the box around lungs and margin, within the scan."""
    if not mask.any():
        return (0, 0, 0), geometry.shape
    seen = np.logical_or.reduce(mask, axis=0)
    lines = (mask.any(axis=(1, 2)), seen.any(axis=1), seen.any(axis=0))
    places = [np.flatnonzero(line) for line in lines]
    ends = [(int(own[0]), int(own[-1]) + 1) for own in places]
    margins = np.ceil(margin_mm / geometry.spacing_zyx - 1e-9).astype(int).tolist()
    low = [max(a - m, 0) for (a, _), m in zip(ends, margins, strict=True)]
    high = [min(b + m, n) for (_, b), m, n in zip(ends, margins, geometry.shape, strict=True)]
    z, y, x = (b - a for a, b in zip(low, high, strict=True))
    return (low[0], low[1], low[2]), (z, y, x)
