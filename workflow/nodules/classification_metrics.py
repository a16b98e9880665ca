"""Measures of a yes-or-no classifier, for all bootstrap resamples at once.

Labels are 1 (nodule) or 0; a candidate is called a nodule where its confidence is at or above the
threshold. `scan` is each candidate's scan as an index; `drawn` are `bootstrap.weights`, how often
each scan counts in each resample. Values come as (1 + replicates,) arrays, the first on the data
itself; a measure that is undefined (0 / 0, or one class only) is NaN.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from nodules.bootstrap import per_scan, ratio

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Fitted = TypeVar("Fitted")

CHUNK = 64  # resamples whose per-candidate weights are held at once
BINS = 10  # equally wide bins of confidence in the reliability diagram
TEMPERATURES = (0.05, 20.0)  # bounds: with separable labels the best temperature is 0


def rank_measures(labels: Ints, scores: Floats, scan: Ints, drawn: Floats) -> dict[str, Floats]:
    """Area under the ROC curve (ties count half) and average precision, as in scikit-learn.

    Average precision is the sum of (recall step) x precision over the distinct scores, without
    interpolation.
    """
    order = np.argsort(-scores, kind="stable")
    ends = _run_ends(scores[order])
    auc, precision = [], []
    for start in range(0, len(drawn), CHUNK):
        weight = drawn[start : start + CHUNK][:, scan[order]]
        hit = np.cumsum(weight * labels[order], axis=1)[:, ends]
        false = np.cumsum(weight * (1 - labels[order]), axis=1)[:, ends]
        new_hit, new_false = (np.diff(c, axis=1, prepend=0) for c in (hit, false))
        positives, negatives = new_hit.sum(axis=1), new_false.sum(axis=1)
        auc.append(ratio(((hit - new_hit / 2) * new_false).sum(axis=1), positives * negatives))
        kept = ratio(hit, hit + false)
        precision.append(ratio(np.nansum(new_hit * kept, axis=1), positives))
    return {"auc": np.concatenate(auc), "average_precision": np.concatenate(precision)}


def confusion(labels: Ints, called: NDArray[np.bool_], scan: Ints, drawn: Floats) -> Floats:
    """Weighted counts (1 + replicates, 4): true positive, false positive, false and true negative.

    called: whether each candidate is called a nodule.
    """
    truth = labels == 1
    cells = np.stack([called & truth, called & ~truth, ~called & truth, ~called & ~truth], axis=1)
    return np.asarray(drawn @ per_scan(scan, cells, drawn.shape[1]))


def threshold_measures(counts: Floats) -> dict[str, Floats]:
    """Measures of confusion counts (n, 4), by their usual names.

    `recall` and `sensitivity` are one number under its two names. MCC: Matthews 1975.
    """
    tp, fp, fn, tn = counts.T
    sensitivity, specificity = ratio(tp, tp + fn), ratio(tn, tn + fp)
    spread = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return {
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "mcc": ratio(tp * tn - fp * fn, spread),
        "precision": ratio(tp, tp + fp),
        "recall": sensitivity,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "accuracy": ratio(tp + tn, counts.sum(axis=1)),
        "balanced_accuracy": (sensitivity + specificity) / 2,
    }


def calibration_measures(
    labels: Ints, confidence: Floats, scan: Ints, drawn: Floats
) -> dict[str, Floats]:
    """Brier score and expected calibration error over BINS equally wide bins of confidence.

    ECE: sum over bins of (share of candidates) x |mean confidence - share of nodules|.
    """
    n_scans = drawn.shape[1]
    total = drawn @ per_scan(scan, np.ones(len(labels)), n_scans)
    squares = drawn @ per_scan(scan, (confidence - labels) ** 2, n_scans)
    excess = np.zeros((len(labels), BINS))
    excess[np.arange(len(labels)), _bin(confidence)] = confidence - labels
    gaps = np.abs(drawn @ per_scan(scan, excess, n_scans)).sum(axis=1)
    return {"brier": ratio(squares, total), "ece": ratio(gaps, total)}


def reliability(labels: Ints, confidence: Floats) -> list[dict[str, float]]:
    """Rows of the reliability diagram: low, high, n, confidence, nodules; NaN in an empty bin."""
    bins = _bin(confidence)
    edges = np.linspace(0, 1, BINS + 1)
    n = np.bincount(bins, minlength=BINS)
    means = ratio(np.bincount(bins, confidence, BINS), n)
    shares = ratio(np.bincount(bins, labels, BINS), n)
    return [
        {"low": edges[i], "high": edges[i + 1], "n": n[i], "confidence": means[i]}
        | {"nodules": shares[i]}
        for i in range(BINS)
    ]


def roc_curve(labels: Ints, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """False-positive rate, true-positive rate, threshold; from (0, 0) on, every distinct score."""
    hit, false, threshold = _cumulative(labels, scores)
    return (
        ratio(np.r_[0, false], false[-1:].sum()),
        ratio(np.r_[0, hit], hit[-1:].sum()),
        np.r_[np.inf, threshold],
    )


def precision_recall_curve(labels: Ints, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Recall, precision, threshold for every distinct score, the highest first."""
    hit, false, threshold = _cumulative(labels, scores)
    return ratio(hit, hit[-1:].sum()), ratio(hit, hit + false), threshold


def youden_threshold(labels: Ints, scores: Floats) -> float:
    """Threshold of greatest sensitivity + specificity - 1 (Youden 1950); NaN with one class.

    Youden's index, not F1: it does not depend on the share of nodules among the candidates, which
    differs between validation and test. Between two neighbouring scores the middle is taken; of
    equally good cuts, the highest.
    """
    if len(np.unique(labels)) < 2:
        return float("nan")
    false, hit, threshold = roc_curve(labels, scores)
    best = int(np.argmax(hit - false))
    lower = threshold[best + 1] if best + 1 < len(threshold) else threshold[best]
    return float(threshold[best] + lower) / 2


def fit_temperature(labels: Ints, logits: Floats) -> float:
    """Temperature T with the least cross-entropy of sigmoid(logit / T); NaN with one class.

    Guo et al. 2017 (arXiv:1706.04599) for one output. The loss is convex in 1 / T.
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

    Platt 1999: least cross-entropy against targets drawn in from 0 and 1 by the number of cases,
    so that also separable ones have a finite best.
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


def scaled(logits: Floats, temperature: float | Floats) -> Floats:
    """Confidence sigmoid(logit / temperature)."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits / temperature)))


def cross_fitted(
    fit: Callable[[Ints, Floats], Fitted], labels: Ints, values: Floats, fold: Ints
) -> dict[int, Fitted]:
    """For each fold, what `fit` gives on the candidates of all other folds."""
    return {int(k): fit(labels[fold != k], values[fold != k]) for k in np.unique(fold)}


def _cumulative(labels: Ints, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Hits and false alarms at or above each distinct score, the highest first."""
    order = np.argsort(-scores, kind="stable")
    ends = _run_ends(scores[order])
    hit = np.cumsum(labels[order])[ends].astype(float)
    return hit, ends + 1 - hit, scores[order][ends]


def _run_ends(ordered: Floats) -> Ints:
    """Last index of each run of equal values."""
    return np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], np.ones(min(len(ordered), 1), bool)])


def _bin(confidence: Floats) -> Ints:
    """Bin of each confidence: [0, 0.1), [0.1, 0.2), ..., [0.9, 1]."""
    edges = np.linspace(0, 1, BINS + 1)[1:-1]
    return np.searchsorted(edges, confidence, side="right").astype(np.int64)
