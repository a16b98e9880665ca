"""The official rule for hits: which findings a mark hits."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:  # `luna16 score` starts without pandas
    import pandas as pd

UNKNOWN_DIAMETER_MM = 10.0


def matched(points: "pd.DataFrame", findings: "pd.DataFrame") -> NDArray[np.int64]:
    """Row of the nearest finding that each of n points hits by the official rule, or -1: (n,).

    Both tables belong to one scan.
    """
    if points.empty or findings.empty:
        return np.full(len(points), -1)
    xyz, centres = points[["x", "y", "z"]].to_numpy(), findings[["x", "y", "z"]].to_numpy()
    hit = hits(xyz, centres, findings["diameter_mm"].to_numpy())
    distance = np.where(hit, np.linalg.norm(xyz[:, None] - centres[None], axis=2), np.inf)
    return np.where(hit.any(axis=1), distance.argmin(axis=1), -1)


def hits(xyz: ArrayLike, centres: ArrayLike, diameters_mm: ArrayLike) -> NDArray[np.bool_]:
    """Which of (m, 3) marks hit which of (n, 3) findings of the same scan: (m, n).

    Rule 2 of `evaluation.froc`: strictly closer than the radius, with UNKNOWN_DIAMETER_MM in place
    of a negative diameter. All in world mm.
    """
    delta = np.asarray(centres, float).reshape(1, -1, 3) - np.asarray(xyz, float).reshape(-1, 1, 3)
    diameter = np.asarray(diameters_mm, float)
    radius = np.where(diameter < 0, UNKNOWN_DIAMETER_MM, diameter) / 2
    squares = delta * delta
    return squares[..., 0] + squares[..., 1] + squares[..., 2] < radius * radius
