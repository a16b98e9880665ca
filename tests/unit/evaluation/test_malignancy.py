"""The comparison of systems finds what was put in, on the same nodules, patient by patient."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from helpers import malignancy_results as results
from nodules.base.files import UserError, write_json
from nodules.evaluation import metric_rows
from nodules.evaluation.malignancy import (
    assemble,
    by_patient,
    measure,
    score,
    within_classes,
)
from nodules.evaluation.names import MALIGNANCY, Pair
from nodules.evaluation.pairs import MALIGNANCY_PAIRS
from nodules.evaluation.statements.malignancy import main_set
from nodules.findings import yardsticks
from nodules.findings.rule import COMMON
from nodules.stats import bootstrap
from nodules.stats.bootstrap import FEWEST

RUN = [key for key in MALIGNANCY if key != "cubes"]  # what a run has, unless a 3-D network judges


@pytest.fixture(scope="module")
def scored():
    return results.result(resnet=2.5, radiomics=0.8, diameter=0.0)


def test_areas_are_scikit_learns_and_the_diameter_ranks_by_itself(scored):
    nodules, _, summary = scored
    for name in ("test", "out_of_fold"):
        for system in RUN:
            own = nodules[(nodules["set"] == name) & (nodules["system"] == system)]
            found = summary["sets"][name]["systems"][system]
            area = roc_auc_score(own["label"], own["score"])
            assert found["auc"]["value"] == pytest.approx(area)
            assert found["delong"]["value"] == pytest.approx(area)
            assert found["auc"]["low"] <= area <= found["auc"]["high"]
            if system == "diameter":
                assert (own["score"] == own["diameter_mm"]).all()


def test_bootstrap_and_delong_agree_where_nodules_are_independent(scored):
    found = scored[2]["sets"]["out_of_fold"]
    for pair in found["differences"].values():
        for bound in ("low", "high"):
            assert pair["auc"][bound] == pytest.approx(pair["delong"][bound], abs=0.04)


def test_differences_are_those_of_the_areas(scored):
    found = scored[2]["sets"]["out_of_fold"]
    own = [pair for pair in MALIGNANCY_PAIRS if set(pair.keys) <= set(RUN)]
    assert set(found["differences"]) == {pair.key for pair in own}
    for pair in own:
        first, second = (found["systems"][s]["auc"]["value"] for s in pair.keys)
        assert found["differences"][pair.key]["auc"]["value"] == pytest.approx(first - second)


def test_a_patient_counts_by_the_highest_nodule():
    own = pd.DataFrame({"patient": ["a", "a", "b"], "label": [0, 1, 0], "score": [0.9, 0.2, 0.5]})
    assert by_patient(own).to_dict("list") == {
        "patient": ["a", "b"],
        "label": [1, 0],
        "score": [0.9, 0.5],
    }


def test_within_a_size_class_only_its_own_pairs_count():
    """Perfect in one class, chance in the other; across classes all wrong, which does not count."""
    labels = np.array([1, 0, 1, 0, 0])
    scores = np.array([0.2, 0.1, 0.8, 0.9, 0.7])
    classes = np.array(["<5", "<5", "5-8", "5-8", "5-8"], object)
    patient = np.arange(5)
    pooled, each = within_classes(labels, scores, classes, patient, bootstrap.weights(5, 10, 0))
    assert {name: values[0] for name, values in each.items()} == {"<5": 1.0, "5-8": 0.5}
    assert pooled[0] == pytest.approx(2 / 3)  # of three pairs two are right


def test_few_nodules_of_a_kind_have_a_value_but_no_interval(scored):
    found = scored[2]["sets"]["test"]
    for name, counts in found["by_size"].items():
        number = found["systems"]["resnet"][f"auc {name}"]
        few = min(counts["malignant"], counts["n"] - counts["malignant"])
        if 0 < few < FEWEST:
            assert number["value"] == number["value"] and np.isnan(number["low"])


def test_delong_has_no_interval_where_resampling_has_none(scored):
    apart = results.result(resnet=100.0, radiomics=100.0, diameter=1.0)[2]["sets"]["test"]
    perfect = apart["systems"]["resnet"]
    for found in (perfect["auc"], perfect["delong"]):
        assert found["value"] == 1 and np.isnan(found["low"]) and found["reason"] == bootstrap.SAME
    alike = apart["differences"][Pair("resnet", "radiomics").key]["delong"]
    assert alike["p"] == 1 and np.isnan(alike["low"]) and alike["reason"] == bootstrap.SAME
    own = scored[0][scored[0]["set"] == "test"].sort_values(["seriesuid", "nodule"])
    sick = own[own["label"] == 1].groupby("system").head(FEWEST - 1)
    for pair in measure(pd.concat([own[own["label"] == 0], sick]), 50, 0)["differences"].values():
        assert np.isnan(pair["delong"]["low"]) and np.isnan(pair["delong"]["p"])


def test_a_brier_score_of_few_of_a_kind_has_no_interval_either(scored):
    for own in scored[2]["sets"].values():
        few = min(own["n_malignant"], own["n_nodules"] - own["n_malignant"]) < FEWEST
        for system in own["systems"].values():
            assert np.isnan(system["brier"]["low"]) == few


def test_other_rules_label_the_same_scores(scored):
    found = scored[2]
    for name in ("test", "out_of_fold"):
        rules = found["sets"][name]["rules"]
        assert list(rules) == ["this run", *COMMON]
        own = found["sets"][name]["systems"]["resnet"]["auc"]
        assert rules["this run"]["auc"]["resnet"]["value"] == pytest.approx(own["value"])


def test_systems_that_score_different_nodules_are_refused():
    division = results.folds()
    given = results.labels(division)
    scores = results.scores(given, resnet=1.0, diameter=1.0)
    with pytest.raises(UserError, match="diameter and resnet only"):
        assemble(scores.iloc[1:], given, division, "average")


def shuffled(seed):
    """malignancy.json of the classical part alone, learned from shuffled ratings."""
    division = results.folds()
    labels = results.labels(division, shuffled=seed)
    radiomics = results.radiomics(labels.assign(label=0))
    parts = ("fold_0", "fold_1", "test")
    scores = pd.concat(yardsticks.fit_part(labels, radiomics, division, p) for p in parts)
    settings = results.SETTINGS | {"shuffle_labels": seed}
    return score(scores, labels, division, results.NO_RADIOMICS, settings, 200, seed)[2]


def test_nodules_that_nobody_rated_need_no_score():
    division = results.folds()
    given = results.labels(division)
    unrated = given.index == 5
    labels = given.assign(
        readers=given["readers"].where(~unrated, 0), label=given["label"].where(~unrated, -1)
    )
    scores = results.scores(given, resnet=1.0, diameter=1.0).drop(index=5)
    found = assemble(scores, labels, division, "average")
    assert len(found) == 2 * (len(given) - 1)


def test_with_shuffled_labels_the_intervals_hold_one_half():
    """Of 95 % intervals, about one in twenty may miss it."""
    held, said = [], 0
    for seed in range(10):
        found = shuffled(seed)
        areas = [s["auc"] for own in found["sets"].values() for s in own["systems"].values()]
        held += [area["low"] <= 0.5 <= area["high"] for area in areas]
        holds = "As a check, every AUC interval includes 0.5" in found["statement"]
        assert holds != ("not every AUC interval includes 0.5" in found["statement"])
        said += holds
    assert np.mean(held) >= 0.85
    assert said >= 6


@pytest.mark.parametrize(
    ("skill", "said"),
    [
        ({"resnet": 4.0, "diameter": 0.0}, "ResNet50 is better than the diameter alone"),
        ({"resnet": 0.0, "diameter": 0.0}, "ResNet50 is worse than the diameter alone"),
        ({"cubes": 4.0, "diameter": 0.0}, "The 3-D CNN is better than the diameter alone"),
        (
            {"resnet": 1.6, "diameter": 0.0},
            "does not show ResNet50 to be better or worse than the diameter",
        ),
    ],
)
def test_the_statement_says_who_wins(skill, said):
    """The diameters of these nodules follow their labels, whatever the logit of that model."""
    *_, summary = results.result(**skill)
    assert said in summary["statement"]
    assert "not a diagnosis" in summary["statement"]


def test_a_test_too_small_to_speak_of_is_not_spoken_of():
    sets = {"test": {"n_malignant": 5, "n_nodules": 9}}
    assert main_set(sets) == "test"
    sets["out_of_fold"] = {"n_malignant": 3, "n_nodules": 30}
    assert main_set(sets) == "test"
    sets["out_of_fold"] = {"n_malignant": 40, "n_nodules": 80}
    assert main_set(sets) == "out_of_fold"
    assert main_set({}) is None


def test_without_a_single_labelled_nodule_everything_says_so(tmp_path):
    division = results.folds()
    given = results.labels(division)
    none = given.assign(label=-1, ratings=[[3, 3, 3]] * len(given))
    scores = results.scores(none, resnet=1.0, diameter=1.0)
    nodules, curves, summary = score(
        scores, none, division, results.NO_RADIOMICS, results.SETTINGS, 100, 1
    )
    assert nodules.empty and curves.empty
    assert "no AUC is defined" in summary["statement"]
    write_json(tmp_path / "malignancy.json", summary)


def test_rows_for_the_report_hold_every_number_with_its_reason(scored):
    nothing = {"systems": {}, "differences": {}}
    rows = metric_rows.gather(nothing, {}, None, None, None, scored[2])
    alone, paired = (set(rows.loc[rows["other"].ne("") == gap, "measure"]) for gap in (False, True))
    measures = {"auc", "patient_auc", "auc_within_size", "brier"}
    assert alone == {f"malignancy_{measure}" for measure in measures}
    assert paired == alone - {"malignancy_brier"}
    of_patients = rows["measure"] == "malignancy_patient_auc"
    assert (rows.loc[of_patients, "unit"] == "patients").all()
    key = {"measure": "malignancy_auc", "system": "resnet", "other": "diameter", "set": "test"}
    (row,) = rows[(rows[list(key)] == list(key.values())).all(axis=1)].to_dict("records")
    gap = scored[2]["sets"]["test"]["differences"][Pair("resnet", "diameter").key]["auc"]
    assert {bound: row[bound] for bound in ("value", "low", "high")} == gap
    assert metric_rows.gather(nothing, {}, None, None).empty
