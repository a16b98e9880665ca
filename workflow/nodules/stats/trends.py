"""Trends over slices, and whether confidence separates right from wrong.

A network with frozen weights sees every slice as if it were the first, so a slope of its loss over
slice index reflects the order of the slices, not learning. `shuffled_slopes` gives the slopes that
order alone can produce. Correlations and risk are weighted by `bootstrap.weights` and have one row
per resample (1 + replicates), the first from the data itself.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nodules.stats.bootstrap import ratio

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COVERAGES = np.linspace(0.01, 1, 100)
ROUNDING = 1e-9  # of the steepest slope: slopes no further apart are the same


@dataclass(frozen=True)
class Line:
    """Least-squares line of values over their index 0 .. n - 1, with two 95 % intervals."""

    slope: float
    intercept: float
    low: float  # of the slope, by the textbook formula, which assumes independent slices
    high: float
    low_scans: float  # of the slope, robust to any dependence within a scan
    high_scans: float
    n: int


def regression(values: Floats, scan: Ints) -> Line:
    """Least-squares line of values (n,) over their index, as by SciPy's `linregress`.

    The second interval uses the cluster-robust variance over G scans, sum over scans of (sum of
    centred x times residual)^2 / Sxx^2 times G / (G - 1), and t with G - 1 degrees of freedom
    (Cameron and Miller 2015, doi:10.3368/jhr.50.2.317). All NaN with fewer than three values.
    """
    n = len(values)
    if n < 3:
        nan = float("nan")
        return Line(nan, nan, nan, nan, nan, nan, n)
    index = np.arange(n)
    fit = stats.linregress(index, values)
    margin = float(stats.t.ppf(0.975, n - 2) * fit.stderr)
    centred = index - index.mean()
    moments = np.bincount(scan, centred * (values - fit.intercept - fit.slope * index))
    scans = len(np.unique(scan))
    robust = float("nan")
    if scans > 1:
        error = np.sqrt((moments**2).sum() * scans / (scans - 1)) / (centred @ centred)
        robust = float(stats.t.ppf(0.975, scans - 1) * error)
    slope, intercept = float(fit.slope), float(fit.intercept)
    return Line(slope, intercept, slope - margin, slope + margin, slope - robust, slope + robust, n)


def shuffled_slopes(values: Floats, scan: Ints, shuffles: int, seed: int, whole: bool) -> Floats:
    """Slopes (shuffles,) of the regression line after random reordering.

    scan: (n,), with the slices of a scan contiguous. whole: permute whole scans and keep the order
    of slices within each; otherwise permute all slices.
    """
    rng = np.random.default_rng(seed)
    n = len(values)
    values = values - values.mean()  # which no slope depends on, and rounding does
    index = np.arange(n, dtype=float)
    starts = np.flatnonzero(np.r_[True, scan[1:] != scan[:-1]])
    lengths, sums = np.diff(np.r_[starts, n]), np.add.reduceat(values, starts)
    # A slice's index is its scan's start plus its place in the scan, which `whole` leaves alone.
    inside = (index - np.repeat(starts, lengths)) @ values
    moments = np.empty(shuffles)
    for i in range(shuffles):
        if whole:
            order = rng.permutation(len(starts))
            begins = np.cumsum(lengths[order]) - lengths[order]
            moments[i] = begins @ sums[order] + inside
        else:
            moments[i] = rng.permutation(index) @ values
    centred = index - (n - 1) / 2
    return (moments - (n - 1) / 2 * values.sum()) / (centred @ centred)


def two_sided_p(slope: float, shuffled: Floats) -> float:
    """Two-sided p-value: share of slopes at least as steep, the real order counted as a shuffle."""
    # A shuffle may repeat the real order, with its sum rounded differently.
    rounding = ROUNDING * np.abs(shuffled).max(initial=abs(slope))
    steeper = np.abs(shuffled) >= abs(slope) - rounding
    return float((1 + steeper.sum()) / (1 + len(shuffled)))


def last_windows(n: int, size: int, most: int) -> list[tuple[int, int]]:
    """(start, stop) of the last whole windows of `size` out of n values, in order, `most` at most.

    The final window ends with the last value. With fewer than `size` values there is one shorter
    window, and with none there is no window.
    """
    if n < size:
        return [(0, n)] if n else []
    count = min(n // size, most)
    return [(n - size * k, n - size * (k - 1)) for k in range(count, 0, -1)]


def running_mean(values: Floats) -> Floats:
    """Mean of each value and all before it, ignoring NaN."""
    known = ~np.isnan(values)
    return ratio(np.cumsum(np.where(known, values, 0)), np.cumsum(known))


def pearson(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Pearson correlation (r,) of (n,) or (r, n) values under each row of weights (r, n)."""
    dx, dy = (v - ratio((weight * v).sum(1), weight.sum(1))[:, None] for v in (x, y))
    variances = (weight * dx**2).sum(1) * (weight * dy**2).sum(1)
    # A constant has some variance left by rounding errors, which must not count as spread.
    least = 1e-12 * np.abs(x).max(initial=0) * np.abs(y).max(initial=0) * weight.sum(1)
    spread = np.where(variances > least**2, np.sqrt(variances), 0)
    return np.clip(ratio((weight * dx * dy).sum(1), spread), -1, 1)


def spearman(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Spearman rank correlation (r,) of (n,) values under each row of weights (r, n)."""
    return pearson(weighted_ranks(x, weight), weighted_ranks(y, weight), weight)


def partial_spearman(x: Floats, y: Floats, given: Floats, weight: Floats) -> Floats:
    """Partial Spearman correlation (r,) of x and y, controlling for the ranks of `given`."""
    xy, xg, yg = (spearman(a, b, weight) for a, b in ((x, y), (x, given), (y, given)))
    return ratio(xy - xg * yg, np.sqrt((1 - xg**2) * (1 - yg**2)))


def weighted_ranks(values: Floats, weight: Floats) -> Floats:
    """Mid-ranks (r, n) of (n,) values, each of which occurs `weight` (r, n) times."""
    order, starts, group = _runs(values)
    sizes = _run_sums(weight[:, order], starts)
    before = np.cumsum(sizes, axis=1) - sizes
    return np.asarray((before + (sizes + 1) / 2)[:, group])


def risk_coverage(sureness: Floats, risk: Floats, weight: Floats) -> Floats:
    """Mean risk (r, 100) of the surest cases at each of COVERAGES, the share of cases kept.

    sureness, risk: (n,). Equally sure cases are taken in random order, so between them the summed
    risk is linear in coverage (El-Yaniv and Wiener 2010, JMLR 11).
    """
    order, starts, _ = _runs(-sureness)
    ordered = weight[:, order]
    cases, total = (
        np.cumsum(_run_sums(w, starts), axis=1) for w in (ordered, ordered * risk[order])
    )
    curves = np.full((len(weight), len(COVERAGES)), np.nan)
    for curve, kept, summed in zip(curves, cases, total, strict=True):
        if len(kept) and kept[-1] > 0:
            wanted = COVERAGES * kept[-1]
            curve[:] = np.interp(wanted, np.r_[0, kept], np.r_[0, summed]) / wanted
    return curves


def _runs(values: Floats) -> tuple[Ints, Ints, Ints]:
    """Ascending order of values, start of each run of equal ones in it, and each value's run."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    is_start = np.r_[np.ones(min(len(values), 1), bool), ordered[1:] != ordered[:-1]]
    group = np.empty(len(values), np.int64)
    group[order] = np.cumsum(is_start) - 1
    return order, np.flatnonzero(is_start), group


def _run_sums(ordered: Floats, starts: Ints) -> Floats:
    """Sums (r, runs) over each run of columns in (r, n)."""
    if not len(starts):
        return np.zeros((len(ordered), 0))
    return np.add.reduceat(ordered, starts, axis=1)
