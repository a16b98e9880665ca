"""A candidate in the form that every detector returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Candidate:
    """A place in a scan that may be a nodule.

    x, y, z:     world mm, LPS. diameter_mm, volume_mm3: as measured by the detector.
    detection:   the detecting network's score, 0 to 1.
    probability: the system's score, 0 to 1, by which candidates are ranked; logit: the same before
                 the sigmoid, NaN if the system has none.
    malignancy:  probability that readers would call it malignant; None without malignancy networks.
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

    @classmethod
    def of(
        cls,
        row: Mapping[str, Any],
        box: tuple[NDArray[np.bool_], tuple[int, int, int]],
        logit: float = float("nan"),
        malignancy: float | None = None,
    ) -> "Candidate":
        """A candidate from a row of `candidates` with column confidence. box: mask and corner."""
        return cls(
            x=float(row["x"]),
            y=float(row["y"]),
            z=float(row["z"]),
            diameter_mm=float(row["diameter_mm"]),
            volume_mm3=float(row["volume_mm3"]),
            detection=float(row["probability"]),
            probability=float(row["confidence"]),
            logit=logit,
            malignancy=malignancy,
            corner=box[1],
            mask=box[0],
        )
