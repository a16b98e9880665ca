"""Detectors: from a scan and its lungs to candidates with masks on the scan's native grid.

A detector is one function; the manifest of a model file names one of SYSTEMS. How it works inside
(slices or cubes, one network or many) is its own affair: callers see only candidates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry
from nodules.inference import scan_lungs, slicewise, volumewise
from nodules.inference.candidate import Candidate
from nodules.inference.ensemble import Ensemble
from nodules.prepare.coarse_grid import Mask

# Takes a volume, int16 HU (z, y, x), its grid nearest to LPS, its lungs, uint8 (z, y, x), and a
# callback for the share of the work done; returns candidates, highest probability first.
Detector = Callable[[NDArray[np.int16], Geometry, Mask, Callable[[float], object]], list[Candidate]]


@dataclass(frozen=True)
class System:
    """How one kind of model detects nodules.

    build: makes the detector from a model's networks. roles: networks that it requires. further:
    networks that it may also have, or that finding the lungs may need.
    """

    build: Callable[[Ensemble], Detector]
    roles: tuple[str, ...]
    further: tuple[str, ...] = (scan_lungs.ROLE,)


SYSTEMS: Mapping[str, System] = {
    "slices": System(slicewise.detector, ("unet",), ("presence", "malignancy", scan_lungs.ROLE)),
    "volumes": System(volumewise.detector, ("unet3d", "reduction")),
}
