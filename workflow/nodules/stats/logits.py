"""Probabilities of logits, and how near to 0 and 1 a probability may come in a logarithm."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EPSILON = 1e-7


def scaled(logits: Floats, temperature: float | Floats) -> Floats:
    """Confidence sigmoid(logit / temperature)."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits / temperature)))


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of a logit, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits))
