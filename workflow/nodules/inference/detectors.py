"""Detectors: from a scan and its lungs to candidates with masks on the scan's own grid.

A detector is one function, and a system in a model file names one of SYSTEMS. Whatever it does in
between (slices, cubes, one network or many) is its own; who calls it sees candidates alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry
from nodules.inference import scan_lungs, slicewise, volumewise
from nodules.inference.candidate import Candidate
from nodules.inference.ensemble import Ensemble
from nodules.prepare.lungs import Mask

# Volume int16 HU (z, y, x), its grid nearest to LPS, its lungs uint8 (z, y, x), and whom to tell
# what share of the work is done; returns candidates, the surest first.
Detector = Callable[[NDArray[np.int16], Geometry, Mask, Callable[[float], object]], list[Candidate]]


@dataclass(frozen=True)
class System:
    """How a kind of model finds nodules.

    build: makes its detector of a model's networks.
    roles: networks that it cannot do without. further: others that it may have, or lungs may need.
    """

    build: Callable[[Ensemble], Detector]
    roles: tuple[str, ...]
    further: tuple[str, ...] = (scan_lungs.ROLE,)


SYSTEMS: Mapping[str, System] = {
    "slices": System(slicewise.detector, ("unet",), ("presence", "malignancy", scan_lungs.ROLE)),
    "volumes": System(volumewise.detector, ("unet3d", "reduction")),
}
