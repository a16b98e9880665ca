"""Measures of a yes-or-no classifier, for all bootstrap resamples at once.

Labels are 1 (nodule) or 0; a candidate is called a nodule where its confidence is at or above the
threshold. `scan` is each candidate's scan as an index; `drawn` are `bootstrap.weights`, how often
each scan counts in each resample. Values come as (1 + replicates,) arrays, the first on the data
itself; a measure that is undefined (0 / 0, or one class only) is NaN.
"""

import numpy as np
from numpy.typing import NDArray

from nodules.stats.bootstrap import interval, per_scan, ratio

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK = 64  # resamples whose per-candidate weights are held at once


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


def roc_curve(labels: Ints, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """False-positive rate, true-positive rate, threshold; from (0, 0) on, every distinct score."""
    hit, false, threshold = _cumulative(labels, scores)
    return (
        ratio(np.r_[0, false], false[-1:].sum()),
        ratio(np.r_[0, hit], hit[-1:].sum()),
        np.r_[np.inf, threshold],
    )


def roc_band(labels: Ints, scores: Floats, scan: Ints, drawn: Floats, grid: Floats) -> Floats:
    """95 % bounds (n, 2) of the true-positive rate at false-positive rates (n,) of a grid.

    Over the resamples `drawn`, row 0 left out; NaN where there are none, or all are the same.
    """
    order = np.argsort(-scores, kind="stable")
    ends = _run_ends(scores[order])
    sampled = np.full((len(drawn) - 1, len(grid)), np.nan)
    for row, weight in zip(sampled, drawn[1:, scan[order]], strict=True):
        hit, false = (
            np.r_[0, np.cumsum(weight * own)[ends]] for own in (labels[order], 1 - labels[order])
        )
        if hit[-1] and false[-1]:
            row[:] = np.interp(grid, false / false[-1], hit / hit[-1])
    return interval(sampled)


def precision_recall_curve(labels: Ints, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Recall, precision, threshold for every distinct score, the highest first."""
    hit, false, threshold = _cumulative(labels, scores)
    return ratio(hit, hit[-1:].sum()), ratio(hit, hit + false), threshold


def youden_threshold(labels: Ints, scores: Floats) -> float:
    """Threshold of greatest sensitivity + specificity - 1 (Youden 1950).

    NaN with one class, and where no cut does better than to call nothing a nodule.

    Youden's index, not F1: it does not depend on the share of nodules among the candidates, which
    differs between validation and test. Between two neighbouring scores the middle is taken; of
    equally good cuts, the highest.
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
    """Hits and false alarms at or above each distinct score, the highest first."""
    order = np.argsort(-scores, kind="stable")
    ends = _run_ends(scores[order])
    hit = np.cumsum(labels[order])[ends].astype(float)
    return hit, ends + 1 - hit, scores[order][ends]


def _run_ends(ordered: Floats) -> Ints:
    """Last index of each run of equal values."""
    return np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], np.ones(min(len(ordered), 1), bool)])
