"""DeLong's variance of areas under the ROC curve, and of their paired differences.

DeLong, DeLong and Clarke-Pearson, Biometrics 44(3), 1988; in O(n log n) by midranks as in Sun and
Xu, IEEE Signal Processing Letters 21(11), 2014, 10.1109/LSP.2014.2337313. It assumes independent
cases, which nodules of one patient are not, so a `bootstrap` over patients is given as well.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

Floats = NDArray[np.float64]

Z = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Areas:
    """AUC of k scores (k,) and their covariance (k, k); NaN where undefined."""

    auc: Floats
    covariance: Floats

    def interval(self, system: int) -> tuple[float, float]:
        """95 % interval of one AUC, clipped to [0, 1]."""
        area = float(self.auc[system])
        half = Z * float(np.sqrt(self.covariance[system, system]))
        return max(area - half, 0.0), min(area + half, 1.0)

    def difference(self, first: int, second: int) -> tuple[float, float, float, float]:
        """AUC of one score minus that of another, its 95 % interval, and the two-sided p-value.

        Zero variance (such as identical rankings) leaves no doubt: p is 1 for equal areas, else 0.
        """
        gap = float(self.auc[first] - self.auc[second])
        contrast = np.zeros(len(self.auc))
        contrast[first], contrast[second] = 1.0, -1.0
        variance = float(contrast @ self.covariance @ contrast)
        error = float(np.sqrt(max(variance, 0.0)))
        if error == 0.0:
            return gap, gap, gap, 1.0 if gap == 0 else 0.0
        return gap, gap - Z * error, gap + Z * error, float(2 * norm.sf(abs(gap) / error))


def compare(labels: ArrayLike, scores: ArrayLike) -> Areas:
    """AUCs of k scores of the same n cases, with their covariance.

    labels: (n,) of 1 and 0. scores: (k, n), higher for 1; ties count half. The AUC is NaN with one
    class only, the covariance with fewer than two cases in either class.
    """
    truth, values = np.asarray(labels) == 1, np.atleast_2d(np.asarray(scores, float))
    m, n, k = int(truth.sum()), int((~truth).sum()), len(values)
    if not m or not n:
        return Areas(np.full(k, np.nan), np.full((k, k), np.nan))
    # The share of negatives below each positive, and the share of positives above each negative.
    ranks: Floats = rankdata(values, axis=1)
    above = (ranks[:, truth] - rankdata(values[:, truth], axis=1)) / n
    below = 1 - (ranks[:, ~truth] - rankdata(values[:, ~truth], axis=1)) / m
    if min(m, n) < 2:
        return Areas(above.mean(axis=1), np.full((k, k), np.nan))
    covariance = np.atleast_2d(np.cov(above)) / m + np.atleast_2d(np.cov(below)) / n
    return Areas(above.mean(axis=1), covariance)
