"""Calibration of confidences: measures over all resamples, temperature, Platt's sigmoid.

Labels are 1 or 0. `scan` is the index of each case's scan; `drawn` are `bootstrap.weights`.
Measures are (1 + replicates,) arrays, the first value from the data itself.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from nodules.stats.bootstrap import per_scan, ratio
from nodules.stats.logits import scaled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Fitted = TypeVar("Fitted")
BINS = 10  # equally wide bins of confidence in the reliability diagram
EDGES = np.arange(BINS + 1) / BINS  # exactly 0.3 at 3 / 10, which `linspace` is not
TEMPERATURES = (0.05, 20.0)  # search bounds: with separable labels the optimum is 0


def calibration_measures(
    labels: Ints, confidence: Floats, scan: Ints, drawn: Floats
) -> dict[str, Floats]:
    """Brier score and expected calibration error over BINS equally wide bins of confidence.

    ECE: sum over bins of (share of all candidates) x |mean confidence - share of nodules|.
    """
    n_scans = drawn.shape[1]
    total = drawn @ per_scan(scan, np.ones(len(labels)), n_scans)
    squares = drawn @ per_scan(scan, (confidence - labels) ** 2, n_scans)
    excess = np.zeros((len(labels), BINS))
    excess[np.arange(len(labels)), _bin(confidence)] = confidence - labels
    gaps = np.abs(drawn @ per_scan(scan, excess, n_scans)).sum(axis=1)
    return {"brier": ratio(squares, total), "ece": ratio(gaps, total)}


def reliability(labels: Ints, confidence: Floats) -> list[dict[str, float]]:
    """Rows of the reliability diagram, one per bin; means are NaN in an empty bin.

    Each has the bin's bounds `low` and `high`, its number of cases `n`, their mean `confidence`,
    and the share of `nodules` among them.
    """
    bins = _bin(confidence)
    n = np.bincount(bins, minlength=BINS)
    means = ratio(np.bincount(bins, confidence, BINS), n)
    shares = ratio(np.bincount(bins, labels, BINS), n)
    return [
        {"low": EDGES[i], "high": EDGES[i + 1], "n": n[i], "confidence": means[i]}
        | {"nodules": shares[i]}
        for i in range(BINS)
    ]


def fit_temperature(labels: Ints, logits: Floats) -> float:
    """Temperature T that minimises the cross-entropy of sigmoid(logit / T); NaN with one class.

    Guo et al. 2017 (arXiv:1706.04599), for a single output. The loss is convex in 1 / T.
    """
    if len(np.unique(labels)) < 2:
        return float("nan")
    towards_wrong = np.where(labels == 1, -logits, logits)

    def loss(inverse: float) -> float:
        return float(np.logaddexp(0, towards_wrong * inverse).mean())

    bounds = (1 / TEMPERATURES[1], 1 / TEMPERATURES[0])
    return 1 / float(
        minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x
    )


def fit_platt(labels: Ints, logits: Floats) -> tuple[float, float]:
    """Slope and intercept of Platt's sigmoid(slope x logit + intercept); NaN with one class.

    Platt 1999: minimises the cross-entropy against targets pulled in from 0 and 1 according to
    the number of cases, so that the optimum is finite even if the classes are separable.
    """
    positive = labels.sum()
    if positive in (0, len(labels)):
        return float("nan"), float("nan")
    high, low = (positive + 1) / (positive + 2), 1 / (len(labels) - positive + 2)
    targets = np.where(labels == 1, high, low)
    prior = np.log((positive + 1) / (len(labels) - positive + 1))

    def loss(line: Floats) -> tuple[float, Floats]:
        z = line[0] * logits + line[1]
        error = scaled(z, 1.0) - targets
        return float((np.logaddexp(0, z) - targets * z).mean()), np.array(
            [(error * logits).mean(), error.mean()]
        )

    slope, intercept = minimize(loss, np.array([0.0, prior]), jac=True, method="BFGS").x
    return float(slope), float(intercept)


def fit_stacked(labels: Ints, logits: Floats) -> Floats:
    """Weights of k logits (n, k) and an intercept, (k + 1,), for one combined probability.

    Like `fit_platt`, with one logit per stage: minimises the cross-entropy against targets pulled
    in from 0 and 1 (stacking, Wolpert 1992). NaN with one class.
    """
    positive = labels.sum()
    if positive in (0, len(labels)):
        return np.full(logits.shape[1] + 1, np.nan)
    high, low = (positive + 1) / (positive + 2), 1 / (len(labels) - positive + 2)
    targets = np.where(labels == 1, high, low)
    inputs = np.column_stack([logits, np.ones(len(logits))])

    def loss(weights: Floats) -> tuple[float, Floats]:
        z = inputs @ weights
        error = scaled(z, 1.0) - targets
        return float((np.logaddexp(0, z) - targets * z).mean()), error @ inputs / len(z)

    return np.asarray(minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="BFGS").x)


def cross_fitted(
    fit: Callable[[Ints, Floats], Fitted], labels: Ints, values: Floats, fold: Ints, patient: Ints
) -> dict[int, Fitted]:
    """Result of `fit` for each fold, fitted on the candidates of other folds and other patients.

    patient: index of each candidate's patient. In LUNA16's own folds, one patient is in two.
    """
    found = {}
    for k in np.unique(fold):
        others = (fold != k) & ~np.isin(patient, patient[fold == k])
        found[int(k)] = fit(labels[others], values[others])
    return found


def _bin(confidence: Floats) -> Ints:
    """Index of each confidence's bin: [0, 0.1), [0.1, 0.2), ..., [0.9, 1]."""
    return np.searchsorted(EDGES[1:-1], confidence, side="right").astype(np.int64)
