"""Bootstrap intervals over whole scans, since cases within one scan are not independent.

A resample is a weight per scan (how often it was drawn), so every statistic is a sum weighted by
scan, computed for all resamples at once. Row 0 of the weights is the data itself, each scan once,
so that an estimate and its replicates come from the same formula.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
# Fewest scans (or patients), and fewest cases of each kind, for a number to have an interval, an
# error bar or a band. With fewer, resamples say nothing about chance.
FEWEST = 5
RULE = "fewer than five scans, or fewer than five cases of a kind"
SAME = "both bounds of the interval are the same number"
UNDEFINED = "undefined in every resample"


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval over scans; bounds are NaN, with a reason, if it has none."""

    value: float
    low: float
    high: float
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Value, low, high and, if the value or its interval is undefined, the reason."""
        known = {"value": self.value, "low": self.low, "high": self.high}
        return known | ({"reason": self.reason} if np.isnan([self.value, self.low]).any() else {})


def too_few(counts: Mapping[str, int]) -> str:
    """Why a number taken over such counts has no interval (see FEWEST); "" if it may have one.

    counts: number of scans or patients, and of cases of each kind, keyed by plural unit.
    """
    few = [
        f"{n:,} {unit.removesuffix('s') if n == 1 else unit}"
        for unit, n in counts.items()
        if n < FEWEST
    ]
    return f"{' and '.join(few)}, where an interval needs {FEWEST}" if few else ""


def weights(n_scans: int, replicates: int, seed: int) -> Floats:
    """How often each scan is drawn: (1 + replicates, n_scans), each row summing to n_scans.

    Row 0 is ones. With fewer than FEWEST scans nothing is resampled and row 0 is the only one.
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
    """Estimate from (1 + replicates,) values of a statistic, the first from the data itself.

    Replicates in which the statistic is undefined (NaN) are left out of the interval. reason: why
    the value is undefined, if it is. counts: what the statistic is taken over, for `too_few`.
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
    """Estimate of the mean of (n,) values, ignoring NaN; `unit` is the plural name of a case."""
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    counts = {"scans": len(np.unique(scan[known])), unit: int(known.sum())}
    return estimate(mean(values, scan, drawn), reason, counts)


def codes(uids: ArrayLike) -> tuple[NDArray[np.int64], int]:
    """Index of each row's scan among the distinct scans, and how many of these there are."""
    found, index = np.unique(np.asarray(uids, dtype=str), return_inverse=True)
    return index.astype(np.int64), len(found)


def per_scan(scan: NDArray[np.int64], values: ArrayLike, n_scans: int) -> Floats:
    """Sums by scan of (n,) or (n, k) values: (n_scans,) or (n_scans, k)."""
    values = np.asarray(values, float)
    sums = np.zeros((n_scans, *values.shape[1:]))
    np.add.at(sums, scan, values)
    return sums


def mean(values: ArrayLike, scan: NDArray[np.int64], drawn: Floats) -> Floats:
    """Mean of (n,) values under each resample, ignoring NaN: (1 + replicates,)."""
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    total = drawn @ per_scan(scan[known], values[known], drawn.shape[1])
    return ratio(total, drawn @ per_scan(scan[known], np.ones(known.sum()), drawn.shape[1]))


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Quotient, NaN where the denominator is 0."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, float), np.asarray(denominator, float))
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)


def interval(samples: Floats) -> Floats:
    """Bounds (..., 2) of the central 95 % of (n, ...) samples, as order statistics.

    Samples with a NaN (no nodule was drawn) are left out. Bounds are NaN if no sample is left, or
    if both are equal: an interval of zero width would claim to know the number exactly.
    """
    valid = samples[~np.isnan(samples).any(axis=tuple(range(1, samples.ndim)))]
    if not len(valid):
        return np.full((*samples.shape[1:], 2), np.nan)
    tail = (1.0 - CONFIDENCE) / 2.0
    ranks = [math.floor(tail * len(valid)), math.floor((1.0 - tail) * len(valid))]
    bounds = np.moveaxis(np.sort(valid, axis=0)[ranks], 0, -1)
    return np.where(bounds[..., :1] == bounds[..., 1:], np.nan, bounds)
