"""Intervals by resampling whole scans: what lies in one scan is not independent.

A resample is a weight for each scan (how often it was drawn), so every statistic is a sum weighted
by scan, over all resamples at once. Row 0 of the weights is the data itself, each scan once: the
estimate and its replicates come out of one and the same formula.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval over scans; NaN where it is undefined, with the reason."""

    value: float
    low: float
    high: float
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give value, low, high, and the reason where the value is undefined."""
        known = {"value": self.value, "low": self.low, "high": self.high}
        return known | ({"reason": self.reason} if np.isnan(self.value) else {})


def weights(n_scans: int, replicates: int, seed: int) -> Floats:
    """How often each scan counts: (1 + replicates, n_scans), each row summing to n_scans.

    Row 0 is ones. With fewer than two scans there is nothing to resample and only row 0 is given.
    """
    ones = np.ones((1, n_scans))
    if n_scans < 2:
        return ones
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(n_scans, np.full(n_scans, 1 / n_scans), size=replicates)
    return np.vstack([ones, draws])


def estimate(values: ArrayLike, reason: str = "undefined on these data") -> Estimate:
    """Estimate from (1 + replicates,) values of a statistic, the first on the data itself.

    Replicates in which the statistic is undefined (NaN) are left out of the interval.
    """
    values = np.asarray(values, float)
    if np.isnan(values[0]):
        return Estimate(np.nan, np.nan, np.nan, reason)
    low, high = interval(values[1:])
    return Estimate(float(values[0]), float(low), float(high))


def codes(uids: ArrayLike) -> tuple[NDArray[np.int64], int]:
    """Index of each row's scan among the scans that occur, and their number."""
    found, index = np.unique(np.asarray(uids, dtype=str), return_inverse=True)
    return index.astype(np.int64), len(found)


def per_scan(scan: NDArray[np.int64], values: ArrayLike, n_scans: int) -> Floats:
    """Sums of (n,) or (n, k) values by scan: (n_scans,) or (n_scans, k)."""
    values = np.asarray(values, float)
    sums = np.zeros((n_scans, *values.shape[1:]))
    np.add.at(sums, scan, values)
    return sums


def mean(values: ArrayLike, scan: NDArray[np.int64], drawn: Floats) -> Floats:
    """Mean of (n,) values under each resample: (1 + replicates,); NaN values are left out."""
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    total = drawn @ per_scan(scan[known], values[known], drawn.shape[1])
    return ratio(total, drawn @ per_scan(scan[known], np.ones(known.sum()), drawn.shape[1]))


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Quotient, NaN where the denominator is 0."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, float), np.asarray(denominator, float))
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)


def interval(samples: Floats) -> Floats:
    """Bounds of the central 95 % of (n, ...) samples by sorted index: (..., 2).

    Samples that are NaN (no nodule was drawn) are left out; NaN where none is left.
    """
    valid = samples[~np.isnan(samples).any(axis=tuple(range(1, samples.ndim)))]
    if not len(valid):
        return np.full((*samples.shape[1:], 2), np.nan)
    tail = (1.0 - CONFIDENCE) / 2.0
    ranks = [math.floor(tail * len(valid)), math.floor((1.0 - tail) * len(valid))]
    return np.moveaxis(np.sort(valid, axis=0)[ranks], 0, -1)
