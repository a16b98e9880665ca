"""Logits, probabilities and the cross-entropy of pixels."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EPSILON = 1e-7  # probabilities are clipped to this distance from 0 and 1 before a logarithm


def pixel_loss(probability: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """Mean binary cross-entropy of pixels, in nats."""
    p = np.clip(probability, EPSILON, 1 - EPSILON)
    return float(-np.log(np.where(truth, p, 1 - p)).mean())


def sigmoid(logits: Floats) -> Floats:
    """Logistic sigmoid, computed without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)))


def scaled(logits: Floats, temperature: float | Floats) -> Floats:
    """Confidence after temperature scaling."""
    return sigmoid(logits / temperature)


def logit(probabilities: Floats) -> Floats:
    """Logits of probabilities, after clipping to [EPSILON, 1 - EPSILON]."""
    p = np.clip(probabilities, EPSILON, 1 - EPSILON)
    return np.asarray(np.log(p / (1 - p)))
