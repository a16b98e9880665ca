"""DeLong's variance against a count by hand, the plain definition, and resampling."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from nodules.stats import delong


def simulated(n=300, seed=0):
    """Labels and two scores of the same cases that share some of their noise."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.4).astype(int)
    shared = rng.normal(0, 1, n)
    first = labels * 1.2 + shared + rng.normal(0, 0.5, n)
    second = np.round(labels * 0.8 + shared + rng.normal(0, 0.8, n), 1)  # with ties
    return labels, np.array([first, second])


def by_definition(labels, scores):
    """The covariance from every pair of a positive and a negative, as DeLong wrote it."""
    truth = labels == 1
    wins = [
        (s[truth][:, None] > s[~truth]) + 0.5 * (s[truth][:, None] == s[~truth]) for s in scores
    ]
    of_positives = np.array([w.mean(axis=1) for w in wins])
    of_negatives = np.array([w.mean(axis=0) for w in wins])
    m, n = truth.sum(), (~truth).sum()
    return np.cov(of_positives) / m + np.cov(of_negatives) / n


def test_a_count_by_hand():
    """Positives 3 and 1, negatives 2 and 0: of four pairs three are right.

    The positives win against 2/2 and 1/2 of the negatives: variance 1/8, the negatives likewise.
    """
    found = delong.compare([1, 1, 0, 0], [3.0, 1.0, 2.0, 0.0])
    assert found.auc[0] == 0.75
    assert found.covariance[0, 0] == pytest.approx(1 / 8 / 2 + 1 / 8 / 2)


def test_midranks_give_what_all_pairs_give():
    labels, scores = simulated()
    found = delong.compare(labels, scores)
    np.testing.assert_allclose(found.auc, [roc_auc_score(labels, s) for s in scores])
    np.testing.assert_allclose(found.covariance, by_definition(labels, scores), rtol=1e-10)


def test_the_interval_of_a_difference_is_that_of_resampling():
    labels, scores = simulated()
    gap, low, high, _ = delong.compare(labels, scores).difference(0, 1)
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(1000):
        own = rng.integers(0, len(labels), len(labels))
        areas = delong.compare(labels[own], scores[:, own]).auc
        drawn.append(areas[0] - areas[1])
    assert gap == pytest.approx(np.mean(drawn), abs=0.005)
    np.testing.assert_allclose((low, high), np.quantile(drawn, [0.025, 0.975]), atol=0.015)


def test_equal_systems_are_called_different_once_in_twenty_times():
    wrong = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        labels = np.arange(80) % 2
        scores = labels + rng.normal(0, 1, (2, 80))
        wrong += delong.compare(labels, scores).difference(0, 1)[3] < 0.05
    assert 0.02 < wrong / 400 < 0.085


def test_the_same_ranking_differs_by_nothing():
    labels, scores = simulated()
    found = delong.compare(labels, [scores[0], np.exp(scores[0])])
    assert found.difference(0, 1) == (0.0, 0.0, 0.0, 1.0)


def test_with_one_class_there_is_no_area_and_with_one_case_of_it_no_interval():
    assert np.isnan(delong.compare([1, 1], [1.0, 2.0]).auc[0])
    single = delong.compare([1, 0, 0], [1.0, 0.0, 2.0])
    assert single.auc[0] == 0.5 and np.isnan(single.interval(0)[0])


def test_the_interval_stays_between_nothing_and_certainty():
    low, high = delong.compare([1, 1, 1, 0, 0], [5.0, 4, 2, 3, 1]).interval(0)
    assert 0 <= low < high <= 1
