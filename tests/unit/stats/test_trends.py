"""Trends: slopes equal scipy's, shuffles show what order alone gives, correlations are weighted."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nodules.stats import bootstrap, trends


def slices(seed: int, slope: float = 0.0, n_scans: int = 15, length: int = 30):
    """Loss of slices whose scans differ in level, and their scans."""
    rng = np.random.default_rng(seed)
    scan = np.repeat(np.arange(n_scans), length)
    noise = rng.normal(0, 1, n_scans)[scan] + rng.normal(0, 0.1, n_scans * length)
    return noise + slope * np.arange(len(scan)), scan


def test_line_is_scipys_and_its_textbook_interval_is_exact_for_independent_slices():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        values = rng.normal(0, 1, 60) + 0.02 * np.arange(60)
        line = trends.regression(values, np.arange(60))
        covered += line.low <= 0.02 <= line.high
    fit = stats.linregress(np.arange(60), values)
    assert (line.slope, line.intercept) == pytest.approx((fit.slope, fit.intercept))
    assert covered / 300 == pytest.approx(0.95, abs=0.03)


def test_only_the_interval_over_scans_holds_when_slices_of_a_scan_are_alike():
    plain = robust = 0
    for seed in range(200):
        line = trends.regression(*slices(seed, n_scans=40, length=10))
        plain += line.low <= 0 <= line.high
        robust += line.low_scans <= 0 <= line.high_scans
    assert plain / 200 < 0.75
    assert robust / 200 > 0.88


def test_shuffling_slices_calls_scan_levels_a_trend_and_shuffling_scans_does_not():
    small = {True: 0, False: 0}
    for seed in range(60):
        values, scan = slices(seed)
        slope = trends.regression(values, scan).slope
        for whole in small:
            shuffled = trends.shuffled_slopes(values, scan, 99, seed, whole)
            small[whole] += trends.two_sided_p(slope, shuffled) <= 0.05
    assert small[True] / 60 < 0.15
    assert small[False] / 60 > 0.4


def test_a_real_trend_is_outside_every_shuffle():
    values, scan = slices(1, slope=0.05)
    slope = trends.regression(values, scan).slope
    shuffled = trends.shuffled_slopes(values, scan, 199, 0, whole=True)
    assert trends.two_sided_p(slope, shuffled) == pytest.approx(1 / 200)
    assert np.array_equal(shuffled, trends.shuffled_slopes(values, scan, 199, 0, whole=True))


def test_two_scans_have_two_orders_so_no_slope_of_theirs_is_unusual():
    """Half the shuffles are the real order, to be counted although its sum is rounded otherwise."""
    least = 1.0
    for seed in range(200):
        values, scan = slices(seed, n_scans=2, length=137)
        values = 0.7 + 0.001 * values
        slope = trends.regression(values, scan).slope
        shuffled = trends.shuffled_slopes(values, scan, 99, seed, whole=True)
        least = min(least, trends.two_sided_p(slope, shuffled))
    assert least > 0.3


@pytest.mark.parametrize("whole", [True, False])
def test_shuffled_slopes_are_slopes_of_shuffled_slices(whole):
    """Every order of three scans, or of their five slices, is among the shuffles, and no other."""
    values, scan = np.array([1.0, 2, 4, 0, 9]), np.array([0, 0, 1, 2, 2])
    blocks = (
        [values[scan == s] for s in range(3)] if whole else [values[i : i + 1] for i in range(5)]
    )
    orders = [np.concatenate(p) for p in itertools.permutations(blocks)]
    possible = {round(stats.linregress(np.arange(5), o).slope, 9) for o in orders}
    found = trends.shuffled_slopes(values, scan, 2000, 0, whole)
    assert {round(slope, 9) for slope in found} == possible


@pytest.mark.parametrize(
    ("n", "windows"),
    [(0, []), (40, [(0, 40)]), (250, [(50, 150), (150, 250)]), (100, [(0, 100)])],
)
def test_windows_are_whole_and_end_with_the_last_slice(n, windows):
    assert trends.last_windows(n, 100, 75) == windows


def test_at_most_75_windows():
    found = trends.last_windows(20_000, 100, 75)
    assert len(found) == 75 and found[0] == (12_500, 12_600) and found[-1] == (19_900, 20_000)


def test_running_mean():
    assert trends.running_mean(np.array([1.0, 3, np.nan, 5])) == pytest.approx([1, 2, 2, 3])


@settings(max_examples=30)
@given(seed=st.integers(0, 500), decimals=st.integers(1, 6))
def test_weighted_correlations_are_those_of_the_resampled_data(seed, decimals):
    rng = np.random.default_rng(seed)
    x, noise, size = rng.normal(0, 1, (3, 40))
    x, y = np.round(x, decimals), np.round(x + noise, decimals)
    drawn = bootstrap.weights(40, 3, seed)
    linear, rank = trends.pearson(x, y, drawn), trends.spearman(x, y, drawn)
    partial = trends.partial_spearman(x, y, size, drawn)
    for i, weight in enumerate(drawn.astype(int)):
        xs, ys, sizes = (np.repeat(v, weight) for v in (x, y, size))
        assert linear[i] == pytest.approx(stats.pearsonr(xs, ys)[0])
        assert rank[i] == pytest.approx(stats.spearmanr(xs, ys)[0])
        left = [
            r - np.polyval(np.polyfit(g, r, 1), g)
            for g in [stats.rankdata(sizes)]
            for r in (stats.rankdata(xs), stats.rankdata(ys))
        ]
        assert partial[i] == pytest.approx(stats.pearsonr(*left)[0])


def test_a_constant_correlates_with_nothing():
    x, weight = np.full(7, 0.1), np.ones((1, 7))
    assert np.isnan(trends.pearson(x, np.arange(7.0), weight)).all()
    assert np.isnan(trends.spearman(x, np.arange(7.0), weight)).all()
    assert np.isnan(trends.pearson(np.zeros(0), np.zeros(0), np.ones((1, 0)))).all()


def test_risk_coverage_ends_at_the_mean_risk_and_falls_if_sureness_is_right():
    rng = np.random.default_rng(2)
    risk = rng.random(200)
    weight = np.ones((1, 200))
    perfect = trends.risk_coverage(-risk, risk, weight)[0]
    assert perfect[-1] == pytest.approx(risk.mean())
    assert (np.diff(perfect) >= -1e-12).all()
    assert perfect[49] == pytest.approx(np.sort(risk)[:100].mean())
    unsure = trends.risk_coverage(np.zeros(200), risk, weight)[0]
    assert unsure == pytest.approx(risk.mean())  # all equally sure: nothing can be told apart
    backwards = trends.risk_coverage(risk, risk, weight)[0]
    assert (backwards >= perfect - 1e-12).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 100))
def test_weighted_risk_is_that_of_the_resampled_data(seed):
    rng = np.random.default_rng(seed)
    sureness, risk = rng.random(30).round(1), rng.random(30)
    drawn = bootstrap.weights(30, 2, seed)
    curves = trends.risk_coverage(sureness, risk, drawn)
    for curve, weight in zip(curves, drawn.astype(int), strict=True):
        repeated = [np.repeat(v, weight) for v in (sureness, risk)]
        alone = trends.risk_coverage(*repeated, np.ones((1, 30)))[0]
        assert curve == pytest.approx(alone)


def test_no_case_no_risk():
    assert np.isnan(trends.risk_coverage(np.zeros(0), np.zeros(0), np.ones((1, 0)))).all()
