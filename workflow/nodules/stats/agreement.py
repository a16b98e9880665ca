"""Agreement of two raters beyond chance."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def kappa(counts: ArrayLike) -> Floats:
    """Cohen's kappa of (..., k, k) counts: one rater in rows, the other in columns.

    NaN where nothing was rated, or both raters only ever gave one and the same category. Source:
    J. Cohen, A coefficient of agreement for nominal scales, Educ Psychol Meas 20(1), 1960,
    10.1177/001316446002000104.
    """
    table = np.asarray(counts, float)
    total = table.sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        agreed = np.trace(table, axis1=-2, axis2=-1) / total
        chance = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / total**2
        found = np.where(chance < 1, (agreed - chance) / (1 - chance), np.nan)
    return np.asarray(found, float)
