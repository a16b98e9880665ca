"""Intervals by resampling whole scans: what lies in one scan is not independent.

A resample is a weight for each scan (how often it was drawn), so every statistic is a sum weighted
by scan, over all resamples at once. Row 0 of the weights is the data itself, each scan once: the
estimate and its replicates come out of one and the same formula.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
# The rule of what may have an interval, a bar or a band: at least so many scans (or patients), and
# as many cases of each kind that a number is taken over. Of fewer, resamples say nothing of chance.
FEWEST = 5
RULE = "fewer than five scans, or fewer than five cases of a kind"
SAME = "both bounds of the interval are the same number"
UNDEFINED = "undefined in every resample"


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval over scans; NaN where it has none, with the reason."""

    value: float
    low: float
    high: float
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give value, low, high, and the reason where the value or its interval is undefined."""
        known = {"value": self.value, "low": self.low, "high": self.high}
        return known | ({"reason": self.reason} if np.isnan([self.value, self.low]).any() else {})


def too_few(counts: Mapping[str, int]) -> str:
    """Why a number of such counts has no interval, by the rule above; "" where it may have one.

    counts: scans or patients, and cases of each kind, by what they are called.
    """
    few = [
        f"{n:,} {unit.removesuffix('s') if n == 1 else unit}"
        for unit, n in counts.items()
        if n < FEWEST
    ]
    return f"{' and '.join(few)}, where an interval needs {FEWEST}" if few else ""


def weights(n_scans: int, replicates: int, seed: int) -> Floats:
    """How often each scan counts: (1 + replicates, n_scans), each row summing to n_scans.

    Row 0 is ones. With fewer than FEWEST scans nothing is resampled and only row 0 is given.
    """
    ones = np.ones((1, n_scans))
    if n_scans < FEWEST:
        return ones
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(n_scans, np.full(n_scans, 1 / n_scans), size=replicates)
    return np.vstack([ones, draws])


def estimate(
    values: ArrayLike,
    reason: str = "undefined on these data",
    counts: Mapping[str, int] | None = None,
) -> Estimate:
    """Estimate from (1 + replicates,) values of a statistic, the first on the data itself.

    Replicates in which the statistic is undefined (NaN) are left out of the interval. reason: why
    the value is NaN, where it is. counts: what the statistic is taken over, for `too_few`.
    """
    values = np.asarray(values, float)
    if np.isnan(values[0]):
        return Estimate(np.nan, np.nan, np.nan, reason)
    few = too_few(counts or {}) or (RULE if len(values) < 2 else "")
    low, high = (np.nan, np.nan) if few else interval(values[1:])
    why = few or (UNDEFINED if np.isnan(values[1:]).all() else SAME)
    return Estimate(float(values[0]), float(low), float(high), why)


def estimate_mean(
    values: ArrayLike, scan: NDArray[np.int64], drawn: Floats, unit: str, reason: str
) -> Estimate:
    """Estimate of the mean of (n,) values, NaN left out, of cases called `unit`."""
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    counts = {"scans": len(np.unique(scan[known])), unit: int(known.sum())}
    return estimate(mean(values, scan, drawn), reason, counts)


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

    Samples that are NaN (no nodule was drawn) are left out; NaN where none is left, and where both
    bounds are the same: an interval of no width would claim to know the number exactly.
    """
    valid = samples[~np.isnan(samples).any(axis=tuple(range(1, samples.ndim)))]
    if not len(valid):
        return np.full((*samples.shape[1:], 2), np.nan)
    tail = (1.0 - CONFIDENCE) / 2.0
    ranks = [math.floor(tail * len(valid)), math.floor((1.0 - tail) * len(valid))]
    bounds = np.moveaxis(np.sort(valid, axis=0)[ranks], 0, -1)
    return np.where(bounds[..., :1] == bounds[..., 1:], np.nan, bounds)
