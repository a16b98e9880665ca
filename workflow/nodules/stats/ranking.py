"""Measures of a binary classifier, for all bootstrap resamples at once.

Labels are 1 (nodule) or 0; a candidate is called a nodule if its confidence is at or above the
threshold. `scan` is the index of each candidate's scan; `drawn` are `bootstrap.weights`, how often
each scan counts in each resample. Measures are (1 + replicates,) arrays, the first value from the
data itself, and NaN where undefined (0 / 0, or one class only).
"""

import numpy as np
from numpy.typing import NDArray

from nodules.stats.bootstrap import interval, per_scan, ratio

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK = 64  # resamples whose per-candidate weights are in memory at once


def rank_measures(labels: Ints, scores: Floats, scan: Ints, drawn: Floats) -> dict[str, Floats]:
    """Area under the ROC curve (ties count half) and average precision, as in scikit-learn.

    Average precision is the sum of (step in recall) x precision over the distinct scores, without
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
    """Weighted counts (1 + replicates, 4) of TP, FP, FN and TN, in this order.

    called: whether each candidate is called a nodule.
    """
    truth = labels == 1
    cells = np.stack([called & truth, called & ~truth, ~called & truth, ~called & ~truth], axis=1)
    return np.asarray(drawn @ per_scan(scan, cells, drawn.shape[1]))


def threshold_measures(counts: Floats) -> dict[str, Floats]:
    """Measures of confusion counts (n, 4), keyed by their usual names.

    `recall` and `sensitivity` are the same number. MCC: Matthews 1975.
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


def roc_curve(labels: Ints, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """False-positive rate, true-positive rate and threshold: (0, 0), then each distinct score."""
    hit, false, threshold = _cumulative(labels, scores)
    return (
        ratio(np.r_[0, false], false[-1:].sum()),
        ratio(np.r_[0, hit], hit[-1:].sum()),
        np.r_[np.inf, threshold],
    )


def roc_band(labels: Ints, scores: Floats, scan: Ints, drawn: Floats, grid: Floats) -> Floats:
    """95 % bounds (n, 2) of the true-positive rate at the false-positive rates `grid` (n,).

    Taken over the resamples in `drawn`, row 0 excluded; NaN if there are none, or if both bounds
    are equal.
    """
    order = np.argsort(-scores, kind="stable")
    ends = _run_ends(scores[order])
    sampled = np.full((len(drawn) - 1, len(grid)), np.nan)
    for row, of_scans in zip(sampled, drawn[1:], strict=True):
        weight = of_scans[scan[order]]
        hit, false = (
            np.r_[0, np.cumsum(weight * own)[ends]] for own in (labels[order], 1 - labels[order])
        )
        if hit[-1] and false[-1]:
            row[:] = np.interp(grid, false / false[-1], hit / hit[-1])
    return interval(sampled)


def precision_recall_curve(labels: Ints, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Recall, precision and threshold at each distinct score, highest first."""
    hit, false, threshold = _cumulative(labels, scores)
    return ratio(hit, hit[-1:].sum()), ratio(hit, hit + false), threshold


def youden_threshold(labels: Ints, scores: Floats) -> float:
    """Threshold that maximises sensitivity + specificity - 1 (Youden 1950).

    NaN with one class, and if no threshold does better than calling nothing a nodule.

    Youden's index, unlike F1, does not depend on the share of nodules among the candidates, which
    differs between validation and test. The threshold lies midway between two neighbouring scores;
    among equally good ones, the highest is taken.
    """
    if len(np.unique(labels)) < 2:
        return float("nan")
    false, hit, threshold = roc_curve(labels, scores)
    best = int(np.argmax(hit - false))
    if best == 0:  # the curve's start, at an infinite threshold
        return float("nan")
    lower = threshold[best + 1] if best + 1 < len(threshold) else threshold[best]
    return float(threshold[best] + lower) / 2


def _cumulative(labels: Ints, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Hits and false alarms at or above each distinct score, and these scores, highest first."""
    order = np.argsort(-scores, kind="stable")
    ends = _run_ends(scores[order])
    hit = np.cumsum(labels[order])[ends].astype(float)
    return hit, ends + 1 - hit, scores[order][ends]


def _run_ends(ordered: Floats) -> Ints:
    """Index of the last value in each run of equal values."""
    return np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], np.ones(min(len(ordered), 1), bool)])
