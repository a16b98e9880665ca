"""The diameter and radiomics models learn from their own scans only, and from labels only."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from helpers import malignancy_results as results
from nodules.base.files import UserError
from nodules.findings import yardsticks

PARTS = ("fold_0", "fold_1", "test")


@pytest.fixture(scope="module")
def division():
    return results.folds()


@pytest.fixture(scope="module")
def labels(division):
    return results.labels(division)


@pytest.fixture(scope="module")
def scores(division, labels):
    return fitted(labels, results.radiomics(labels), division)


def fitted(labels, radiomics, division):
    parts = [yardsticks.fit_part(labels, radiomics, division, part) for part in PARTS]
    return pd.concat(parts).merge(labels, on=yardsticks.KEY)


def test_every_nodule_is_scored_once_by_each_model(scores, labels):
    assert scores.groupby("system").size().to_dict() == {
        "diameter": len(labels),
        "radiomics": len(labels),
    }
    assert not scores.duplicated(["system", *yardsticks.KEY]).any()
    assert scores["probability"].between(0, 1).all()


@pytest.mark.parametrize("part", PARTS)
def test_no_patient_is_on_both_sides(division, part):
    training, asked = yardsticks.sides(division, part)
    patients = division.set_index("seriesuid")["patient"]
    assert not set(patients[training]) & set(patients[asked])
    held_out = division.loc[division["fold"] == -1, "seriesuid"]
    assert not set(training) & set(held_out), "the test teaches nobody"


def test_a_patient_on_both_sides_is_refused(division):
    mixed = division.assign(patient=division["patient"].replace("p001", "p002"))
    with pytest.raises(UserError, match="p002"):
        yardsticks.sides(mixed, "test")


@pytest.mark.parametrize("part", PARTS)
def test_labels_and_features_of_the_part_change_nothing_in_its_model(division, labels, part):
    """Its own labels turned round and other nodules' features replaced: the same scores."""
    radiomics = results.radiomics(labels)
    before = yardsticks.fit_part(labels, radiomics, division, part)
    _, asked = yardsticks.sides(division, part)
    own = labels["seriesuid"].isin(asked)
    turned = labels.assign(label=labels["label"].where(~own, 1 - labels["label"]))
    pd.testing.assert_frame_equal(yardsticks.fit_part(turned, radiomics, division, part), before)
    first = own.to_numpy().argmax()
    changed = radiomics.copy()
    changed.loc[first, "morph_volume"] = 1e9
    after = yardsticks.fit_part(labels, changed, division, part)
    key = tuple(radiomics.loc[first, yardsticks.KEY])
    moved = [
        tuple(row[k] for k in yardsticks.KEY)
        for (_, row), same in zip(
            before.iterrows(), np.isclose(before["logit"], after["logit"]), strict=True
        )
        if not same
    ]
    assert moved == [key]


def test_a_larger_diameter_never_lowers_the_probability(scores):
    own = scores[(scores["system"] == "diameter")]
    for uids in ({u for u in own["seriesuid"] if int(u[5:]) % 3 == k} for k in range(3)):
        part = own[own["seriesuid"].isin(uids)].sort_values("diameter_mm")
        assert (np.diff(part["probability"]) >= 0).all() and part["probability"].nunique() > 5


def test_probabilities_are_as_frequent_as_the_labels(scores):
    """Classes are weighted to be learned alike, and weighted back."""
    mean = scores.groupby("system")[["probability", "label"]].mean()
    assert (mean["probability"] - mean["label"]).abs().max() < 0.1


def test_both_models_learn_what_there_is_to_learn(scores):
    for system, own in scores.groupby("system"):
        assert roc_auc_score(own["label"], own["logit"]) > 0.75, system


def test_shuffled_labels_teach_nothing():
    """On average over shuffles; a single one lies within its interval of 0.5 (test_..._scores)."""
    division = results.folds()
    areas = []
    for seed in range(8):
        labels = results.labels(division, shuffled=seed)
        found = fitted(labels, results.radiomics(labels.assign(label=0)), division)
        areas.append([roc_auc_score(o["label"], o["logit"]) for _, o in found.groupby("system")])
    np.testing.assert_allclose(np.mean(areas, axis=0), 0.5, atol=0.07)


def test_a_gap_is_filled_and_no_nodule_dropped(division, labels):
    radiomics = results.radiomics(labels)
    names = yardsticks.COLUMNS["radiomics"]
    radiomics.loc[::7, names] = np.nan
    found = yardsticks.fit_part(labels, radiomics, division, "test")
    assert found["logit"].notna().all()
    assert len(found) == 2 * labels["seriesuid"].isin(yardsticks.sides(division, "test")[1]).sum()


def test_with_one_kind_to_learn_from_the_answer_is_that_kind():
    logits = yardsticks.predict(np.ones((4, 1)), np.ones(4, int), np.zeros((3, 1)), 1.0)
    assert logits.tolist() == [yardsticks.LIMIT] * 3


def test_drawn_in_tails_keep_the_order():
    values = np.array([-1e6, -30.0, -0.5, 0.0, 0.2, 800.0, 1e9])
    assert (np.diff(yardsticks.signed_log(values)) > 0).all()
    assert yardsticks.signed_log(np.array([0.0]))[0] == 0
