"""Metrics equal scikit-learn's, weighted or not; calibration and thresholds behave as they must."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from nodules.stats import bootstrap, ranking
from nodules.stats.calibration import (
    calibration_measures,
    cross_fitted,
    fit_platt,
    fit_temperature,
    reliability,
)
from nodules.stats.logits import scaled


def candidates(seed: int, n: int = 300, n_scans: int = 20, ties: bool = False):
    """Labels, scores and scans of random candidates."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    labels[:2] = [0, 1]
    scores = 1 / (1 + np.exp(-(rng.normal(0, 1, n) + labels)))
    return labels, np.round(scores, 1) if ties else scores, rng.integers(0, n_scans, n)


@settings(max_examples=15)
@given(seed=st.integers(0, 200), ties=st.booleans())
def test_agrees_with_scikit_learn_under_any_scan_weights(seed, ties):
    labels, scores, scan = candidates(seed, ties=ties)
    drawn = bootstrap.weights(20, 3, seed)
    rank = ranking.rank_measures(labels, scores, scan, drawn)
    called = scores >= 0.5
    measured = ranking.threshold_measures(ranking.confusion(labels, called, scan, drawn))
    calibration = calibration_measures(labels, scores, scan, drawn)
    for i, row in enumerate(drawn):
        w = {"sample_weight": row[scan]}
        expected = {
            "f1": metrics.f1_score(labels, called, **w),
            "mcc": metrics.matthews_corrcoef(labels, called, **w),
            "precision": metrics.precision_score(labels, called, **w),
            "recall": metrics.recall_score(labels, called, **w),
            "sensitivity": metrics.recall_score(labels, called, **w),
            "specificity": metrics.recall_score(labels, called, pos_label=0, **w),
            "accuracy": metrics.accuracy_score(labels, called, **w),
            "balanced_accuracy": metrics.balanced_accuracy_score(labels, called, **w),
        }
        for name, value in expected.items():
            assert measured[name][i] == pytest.approx(value), name
        assert rank["auc"][i] == pytest.approx(metrics.roc_auc_score(labels, scores, **w))
        assert rank["average_precision"][i] == pytest.approx(
            metrics.average_precision_score(labels, scores, **w)
        )
        assert calibration["brier"][i] == pytest.approx(
            metrics.brier_score_loss(labels, scores, **w)
        )


def test_curves_are_scikit_learns():
    labels, scores, _ = candidates(3, ties=True)
    expected = metrics.roc_curve(labels, scores, drop_intermediate=False)
    for ours, theirs in zip(ranking.roc_curve(labels, scores), expected, strict=True):
        assert ours == pytest.approx(theirs)
    recall, precision, threshold = ranking.precision_recall_curve(labels, scores)
    theirs = metrics.precision_recall_curve(labels, scores)
    assert precision[::-1] == pytest.approx(theirs[0][:-1])
    assert recall[::-1] == pytest.approx(theirs[1][:-1])
    assert threshold[::-1] == pytest.approx(theirs[2])


def test_one_class_gives_nan_not_a_number():
    scan = np.zeros(4, int)
    drawn = bootstrap.weights(1, 5, 0)
    rank = ranking.rank_measures(np.zeros(4, int), np.arange(4) / 4, scan, drawn)
    assert np.isnan(rank["auc"]).all() and np.isnan(rank["average_precision"]).all()
    empty = np.zeros(0, int)
    assert np.isnan(ranking.rank_measures(empty, np.zeros(0), empty, drawn)["auc"]).all()
    assert np.isnan(ranking.youden_threshold(np.ones(3, int), np.arange(3.0)))
    assert np.isnan(fit_temperature(empty, np.zeros(0)))
    no_call = ranking.threshold_measures(np.array([[0.0, 0, 3, 7]]))
    assert np.isnan(no_call["precision"][0]) and no_call["specificity"][0] == 1


@pytest.mark.parametrize("scores", [[0.5, 0.5, 0.5], [0.1, 0.8, 0.9]], ids=["equal", "reversed"])
def test_scores_that_tell_nothing_apart_have_no_threshold(scores):
    assert np.isnan(ranking.youden_threshold(np.array([1, 0, 0]), np.array(scores)))


def test_youden_threshold_is_the_best_cut_and_lies_between_scores():
    labels, scores, _ = candidates(5)

    def index(cut):
        return (scores >= cut)[labels == 1].mean() - (scores >= cut)[labels == 0].mean()

    chosen = ranking.youden_threshold(labels, scores)
    assert index(chosen) == pytest.approx(max(index(s) for s in scores))
    assert ranking.youden_threshold(
        np.array([0, 0, 1]), np.array([0.1, 0.3, 0.7])
    ) == pytest.approx(0.5)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_temperature_scaling_recovers_a_known_temperature(temperature):
    rng = np.random.default_rng(1)
    true_logits = rng.normal(0, 2, 40_000)
    labels = (rng.random(40_000) < scaled(true_logits, 1)).astype(int)
    logits = true_logits * temperature
    fitted = fit_temperature(labels, logits)
    assert fitted == pytest.approx(temperature, rel=0.05)
    scan, one = np.zeros(40_000, int), np.ones((1, 1))
    after = calibration_measures(labels, scaled(logits, fitted), scan, one)
    assert after["ece"][0] < 0.012


def test_ece_is_the_weighted_gap_of_the_reliability_diagram():
    labels, scores, scan = candidates(8)
    rows = reliability(labels, scores)
    assert sum(r["n"] for r in rows) == len(labels)
    gap = sum(r["n"] * abs(r["confidence"] - r["nodules"]) for r in rows if r["n"]) / len(labels)
    ece = calibration_measures(labels, scores, scan, np.ones((1, 20)))["ece"][0]
    assert ece == pytest.approx(gap)
    at_edges = reliability(np.array([0, 1, 1]), np.array([0.0, 0.1, 1.0]))
    assert [r["n"] for r in at_edges] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("tenths", range(10))
def test_a_confidence_at_a_bins_lower_edge_is_in_that_bin(tenths):
    rows = reliability(np.array([1]), np.array([tenths / 10]))
    assert [row["n"] for row in rows] == [int(i == tenths) for i in range(10)]
    assert rows[tenths]["low"] == tenths / 10


def test_cross_fitting_never_uses_the_fold_itself():
    labels, scores, scan = candidates(9)
    fold = scan % 3
    first = cross_fitted(ranking.youden_threshold, labels, scores, fold, scan)
    changed = np.where(fold == 1, 1 - labels, labels)
    second = cross_fitted(ranking.youden_threshold, changed, scores, fold, scan)
    assert first[1] == second[1]
    assert first[0] != second[0]


def test_cross_fitting_never_uses_a_patient_of_the_fold():
    """As in LUNA16's own folds, where one patient has scans in two of them."""
    scan = np.arange(6)
    fold, patient = scan % 3, np.where(scan == 1, 0, scan)  # scan 0 in fold 0, scan 1 in fold 1
    seen = cross_fitted(lambda labels, _: labels.tolist(), scan, scan, fold, patient)
    assert seen == {0: [2, 4, 5], 1: [2, 3, 5], 2: [0, 1, 3, 4]}


def test_interval_over_scans_covers_the_truth_where_one_over_candidates_does_not():
    """Scans differ, candidates of a scan are alike: only scans may be resampled."""
    rng = np.random.default_rng(0)
    covered = {"scans": 0, "candidates": 0}
    for trial in range(120):
        per_scan = rng.normal(0.5, 0.2, 40)
        scan = np.repeat(np.arange(40), 10)
        values = per_scan[scan] + rng.normal(0, 0.02, 400)
        for name, unit in (("scans", scan), ("candidates", np.arange(400))):
            drawn = bootstrap.weights(unit.max() + 1, 200, trial)
            found = bootstrap.estimate(bootstrap.mean(values, unit, drawn))
            covered[name] += found.low <= 0.5 <= found.high
    assert covered["scans"] / 120 > 0.88
    assert covered["candidates"] / 120 < 0.6


def test_all_of_luna16_with_1000_resamples_takes_seconds():
    labels, scores, scan = candidates(4, n=10_000, n_scans=888)
    start = time.perf_counter()
    drawn = bootstrap.weights(888, 1000, 0)
    ranking.rank_measures(labels, scores, scan, drawn)
    ranking.confusion(labels, scores > 0.5, scan, drawn)
    calibration_measures(labels, scores, scan, drawn)
    assert time.perf_counter() - start < 10


def test_fewer_than_two_scans_have_no_interval():
    found = bootstrap.estimate(bootstrap.mean([0.5], np.array([0]), bootstrap.weights(1, 100, 0)))
    assert found.value == 0.5 and np.isnan(found.low) and np.isnan(found.high)
    undefined = bootstrap.estimate([np.nan, 1.0], "one class only").to_dict()
    assert undefined["reason"] == "one class only"


def test_platt_scaling_is_a_logistic_regression_that_separable_labels_cannot_break():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=4000)
    labels = (rng.random(4000) < 1 / (1 + np.exp(-(2 * logits - 1)))).astype(np.int64)
    assert fit_platt(labels, logits) == pytest.approx((2, -1), abs=0.15)
    assert np.isfinite(fit_platt(np.array([0, 0, 1, 1]), np.array([-2.0, -1, 1, 2]))).all()
    assert np.isnan(fit_platt(np.ones(3, np.int64), np.zeros(3))).all()
