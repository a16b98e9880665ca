"""One confidence from two stages: the sigmoid of a weighted sum of their logits."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nodules.stats.logits import logit, sigmoid

EQUAL = np.array([0.5, 0.5, 0.0])  # weight of each stage's logit, then the intercept

Floats = NDArray[np.float64]


def logits(probability: ArrayLike, second: ArrayLike) -> Floats:
    """Logits of both stages (n, 2): from the first's probability, and the second's unchanged."""
    return np.column_stack([logit(np.asarray(probability, float)), np.asarray(second, float)])


def confidence(probability: ArrayLike, second: ArrayLike, weights: Floats = EQUAL) -> Floats:
    """Combined confidence (n,); weights: of the two stages' logits, then the intercept, (3,)."""
    return sigmoid(logits(probability, second) @ weights[:2] + weights[2])
