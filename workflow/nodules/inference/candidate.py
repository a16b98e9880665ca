"""A candidate as every detector gives it, whatever it is made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Candidate:
    """A place in a scan that may be a nodule.

    x, y, z:     world mm, LPS. diameter_mm, volume_mm3: as the detector measures.
    detection:   the detecting network's score, 0 to 1.
    probability: the system's score that ranks candidates, 0 to 1; logit: before the sigmoid, not
                 a number where the system has none.
    malignancy:  probability that readers would call it malignant; None where nobody was asked.
    corner:      index (z, y, x) of the mask's first voxel on the scan's native grid.
    mask:        (z, y, x) bool on that grid.
    """

    x: float
    y: float
    z: float
    diameter_mm: float
    volume_mm3: float
    detection: float
    probability: float
    logit: float
    malignancy: float | None
    corner: tuple[int, int, int]
    mask: NDArray[np.bool_]
