"""One confidence of two stages: the sigmoid of their logits' weighted sum."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nodules.stats.logits import logit, sigmoid

EQUAL = np.array([0.5, 0.5, 0.0])  # weight of each stage's logit, and intercept

Floats = NDArray[np.float64]


def logits(probability: ArrayLike, second: ArrayLike) -> Floats:
    """(n, 2): the first stage's logit, of its probability, and the second stage's, as it is."""
    return np.column_stack([logit(np.asarray(probability, float)), np.asarray(second, float)])


def confidence(probability: ArrayLike, second: ArrayLike, weights: Floats = EQUAL) -> Floats:
    """Confidence (n,) by the weights of both stages' logits, and an intercept, (3,)."""
    return sigmoid(logits(probability, second) @ weights[:2] + weights[2])
