"""The check of a scan's lungs."""

import numpy as np

from nodules.datasets.hounsfield import Verdict
from nodules.images.geometry import Geometry
from nodules.prepare import coarse_grid, lung_search

LEAST_MM = (lung_search.SMALLEST_EXTENT_MM, 100.0, 100.0)  # z, y, x: no chest fits in less
REMEDY = (
    "Look at the scan: its lungs should be there, and air around the patient. A scan without "
    "lungs is used with whole slices."
)


def verdicts(volume: coarse_grid.Volume, geometry: Geometry) -> list[Verdict]:
    """A note if a scan's lungs cannot be found; empty if they can, or if the scan is too small.

    volume: int16 HU (z, y, x) on `geometry`; a decimated one, of every other voxel or fewer, will
    do.
    """
    extent = np.array(volume.shape) * geometry.spacing_zyx
    if (extent < LEAST_MM).any():
        return []
    found = lung_search.search("volume", volume, geometry).plausibility
    if found.plausible:
        return []
    return [Verdict(f"no sign of lungs: {found.reason.rstrip('.')}", REMEDY, fatal=False)]
