"""What the check of a scan says of its lungs, which it looks for in a few of the voxels."""

from pathlib import Path

import numpy as np

from nodules.datasets.hounsfield import Verdict
from nodules.images.metaimage import read_thinned
from nodules.prepare import lung_search

LOOK_MM = (4.0, 1.6, 1.6)  # z, y, x, between voxels that are looked at
LEAST_MM = (lung_search.SMALLEST_EXTENT_MM, 100.0, 100.0)  # z, y, x: no chest fits in less
REMEDY = (
    "Look at the scan: its lungs should be there, and air around the patient. A scan without "
    "lungs is used with whole slices."
)


def verdicts(header_path: Path) -> list[Verdict]:
    """A note where a scan's lungs cannot be found; nothing where they can, or could not be seen.

    Raises UserError for a scan that cannot be read.
    """
    volume, geometry = read_thinned(header_path, LOOK_MM)
    extent = np.array(volume.shape) * geometry.spacing_zyx
    if (extent < LEAST_MM).any():
        return []
    found = lung_search.search("volume", volume, geometry).plausibility
    if found.plausible:
        return []
    return [Verdict(f"no sign of lungs: {found.reason.rstrip('.')}", REMEDY, fatal=False)]
