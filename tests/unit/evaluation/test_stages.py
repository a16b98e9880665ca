"""Two stages, one confidence: what counts is what other folds' candidates teach."""

import numpy as np
import pandas as pd
import pytest

from nodules.base import tables
from nodules.evaluation import stages
from nodules.stats.calibration import fit_platt, fit_stacked
from nodules.stats.logits import sigmoid

NODULES = tables.frame(
    "nodules",
    [{"seriesuid": "1", "nodule": 1, "x": 0.0, "y": 0.0, "z": 0.0, "diameter_mm": 10.0}],
)
EXCLUDED = tables.frame("excluded")


def judged(first, second, hit):
    """Candidates with two logits, of which some lie on the nodule."""
    x = np.where(hit, 0.0, 500.0)
    rows = pd.DataFrame({"x": x, "logit": second, "probability": sigmoid(np.array(first))})
    rows = rows.assign(seriesuid="1", candidate=np.arange(1, len(x) + 1), y=0.0, z=0.0)
    rows = rows.assign(diameter_mm=5.0, volume_mm3=65.0, n_slices=3, confidence=0.5)
    return tables.frame("classified", rows)


def drawn(weights, n=4000, seed=0):
    """Candidates that are nodules as often as these weights say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 2))
    chance = sigmoid(logits @ weights[:2] + weights[2])
    return judged(logits[:, 0], logits[:, 1], rng.random(n) < chance)


@pytest.mark.parametrize("weights", [(1.0, 0.2, -1.0), (0.3, 0.8, -2.0)])
def test_the_weights_that_made_the_truth_are_found(weights):
    table = drawn(np.array(weights))
    assert stages.fit(table, NODULES, EXCLUDED) == pytest.approx(weights, abs=0.15)


def test_one_logit_alone_is_fitted_as_by_platt():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, 500)
    labels = (rng.random(500) < sigmoid(logits)).astype(int)
    assert fit_stacked(labels, logits[:, None]) == pytest.approx(
        fit_platt(labels, logits), abs=1e-3
    )


def test_a_stage_that_says_nothing_counts_for_little():
    table = drawn(np.array((1.0, 0.0, -1.0)))
    first, second, _ = np.abs(stages.fit(table, NODULES, EXCLUDED))
    assert second < 0.1 * first or second == 0.5  # never against what it says


def test_without_both_kinds_both_stages_count_alike():
    none = judged([1.0, 2.0], [1.0, 2.0], np.array([False, False]))
    assert stages.fit(none, NODULES, EXCLUDED).tolist() == stages.EQUAL.tolist()
    assert stages.fit(none.iloc[:0], NODULES, EXCLUDED).tolist() == stages.EQUAL.tolist()


def test_a_stage_never_counts_against_what_it_says():
    table = drawn(np.array((1.0, -0.8, -1.0)))
    assert stages.fit(table, NODULES, EXCLUDED).tolist() == stages.EQUAL.tolist()


def test_candidates_on_excluded_findings_teach_nothing():
    table = drawn(np.array((1.0, 0.5, -1.0)), n=500)
    others = judged([9.0] * 300, [9.0] * 300, np.zeros(300, bool)).assign(x=900.0)
    both = tables.stacked([table, others.assign(candidate=others["candidate"] + 1000)])
    beside = tables.frame(
        "excluded", [{"seriesuid": "1", "x": 900.0, "y": 0.0, "z": 0.0, "diameter_mm": -1.0}]
    )
    alone = stages.fit(table, NODULES, EXCLUDED)
    assert stages.fit(both, NODULES, beside) == pytest.approx(alone, abs=1e-9)


def test_another_scan_of_a_judged_patient_teaches_nothing():
    """As in LUNA16's own folds, where one patient has scans in two of them."""
    rows = [("1", "p", 0), ("2", "p", 1), ("3", "q", 1)]
    division = pd.DataFrame(rows, columns=["seriesuid", "patient", "fold"])
    own, others = (
        judged([0.0], [0.0], np.array([True])),
        judged([0.0] * 2, [0.0] * 2, np.zeros(2, bool)),
    )
    others = others.assign(seriesuid=["2", "3"])
    assert stages.of_others(others, own, division)["seriesuid"].tolist() == ["3"]


def test_the_confidence_is_the_weighted_logits():
    table = judged([0.0, 2.0], [1.0, -1.0], np.array([True, False]))
    found = stages.combined(table, np.array([2.0, 1.0, -1.0]))["confidence"]
    assert found.to_numpy() == pytest.approx(sigmoid(np.array([0.0, 2.0])))
