"""Two systems side by side: paired, calibrated on other scans only, and said in words."""

import numpy as np
import pandas as pd
import pytest

from nodules.base import tables
from nodules.evaluation import costs
from nodules.evaluation.comparison import gather, measure, scored
from nodules.evaluation.names import Pair
from nodules.evaluation.statements.comparison import write
from nodules.report.pages.comparison import tables_of

ONE, OTHER = "unet_resnet", "maskrcnn"
UIDS = [f"2.25.{i}" for i in range(12)]
FOLDS = tables.frame(
    "folds",
    [
        {"seriesuid": uid, "patient": uid, "subset": 0, "n_nodules": 1, "fold": fold}
        for uid, fold in zip(UIDS, [0, 1, -1] * 4, strict=True)
    ],
)


def confidences(sharpness: float, seed: int = 0, zeros: bool = False) -> pd.DataFrame:
    """Table `slice_confidence`: 40 slices a scan, a fifth of them with a nodule."""
    rng = np.random.default_rng(0)
    noise = np.random.default_rng(seed)
    rows = []
    for uid in UIDS:
        present = rng.random(40) < 0.2
        p = 1 / (1 + np.exp(-sharpness * (2 * present - 1) - noise.normal(size=40)))
        p[zeros & (p < 0.3)] = 0
        rows += [
            {"seriesuid": uid, "slice": z, "confidence": c, "loss": 0.0, "present": there}
            for z, (c, there) in enumerate(zip(p, present, strict=True))
        ]
    return pd.DataFrame(rows)


def gathered(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    return gather({ONE: one, OTHER: other}, FOLDS)[0]


def measured(slices: pd.DataFrame, name: str = "out_of_fold") -> dict[tuple[str, str], dict]:
    rows = measure(slices[slices["set"] == name], Pair(ONE, OTHER), 200, 1)
    return {(row["measure"], row["stage"]): row for row in rows}


def test_every_slice_of_the_pooled_sets_is_there_for_both_systems():
    slices = gathered(confidences(1), confidences(2))
    counts = slices.groupby(["set", "system"]).size()
    assert counts["test"].tolist() == [160, 160]
    assert counts["out_of_fold"].tolist() == [320, 320]
    first = slices[(slices["set"] == "test") & (slices["system"] == ONE)]
    assert first["index"].tolist() == list(range(160))


def test_calibration_reads_no_label_of_the_scans_it_is_applied_to():
    plain = confidences(1, seed=1)
    fold = plain["seriesuid"].map(FOLDS.set_index("seriesuid")["fold"])
    for number, name in ((-1, "test"), (0, "out_of_fold")):
        flipped = plain.assign(present=plain["present"] ^ (fold == number))
        before, after = (gathered(t, t) for t in (plain, flipped))
        own = FOLDS.loc[FOLDS["fold"] == number, "seriesuid"]
        kept = (before["set"] == name) & before["seriesuid"].isin(own)
        assert np.array_equal(before.loc[kept, "calibrated"], after.loc[kept, "calibrated"])
    other = flipped["seriesuid"].isin(FOLDS.loc[FOLDS["fold"] == 1, "seriesuid"])
    moved = before["seriesuid"].isin(plain.loc[other, "seriesuid"])
    assert not np.allclose(before.loc[moved, "calibrated"], after.loc[moved, "calibrated"])


def test_calibration_undoes_a_change_of_scale():
    plain = confidences(1, seed=1)
    odds = plain["confidence"] / (1 - plain["confidence"])
    stretched = plain.assign(confidence=1 / (1 + 0.2 * odds**-3))
    found = measured(gathered(stretched, plain))
    raw, calibrated = (found["slice_certainty", stage] for stage in ("raw", "calibrated"))
    assert raw["low"] > 0
    assert calibrated["difference"] == pytest.approx(0, abs=1e-3)
    assert found["slice_auc", ""]["difference"] == pytest.approx(0, abs=1e-12)


def test_calibrated_confidence_is_the_share_of_nodules_on_average():
    slices = gathered(confidences(1, seed=1), confidences(2, seed=2))
    own = slices[(slices["set"] == "out_of_fold") & (slices["system"] == OTHER)]
    assert own["calibrated"].mean() == pytest.approx(own["present"].mean(), abs=0.02)


def test_a_slice_without_an_instance_is_the_least_sure_and_stays_finite():
    slices = gathered(confidences(1), confidences(1, zeros=True))
    own = slices[slices["system"] == OTHER]
    none = own[own["confidence"] == 0]
    assert len(none) and none["calibrated"].between(0, 1).all()
    for _, part in own.groupby("set"):
        assert part.loc[part["confidence"] == 0, "calibrated"].max() <= part["calibrated"].median()


def test_a_system_against_itself_differs_by_nothing():
    for row in measured(gathered(confidences(1), confidences(1))).values():
        assert row["difference"] == 0
        assert np.isnan([row["low"], row["high"]]).all()  # every resample says 0: no interval
        assert row["one_value"] == row["other_value"]


def test_without_any_nodule_nothing_is_calibrated():
    empty = confidences(1).assign(present=False)
    found = measured(gathered(empty, empty))
    assert np.isnan(found["slice_certainty", "calibrated"]["difference"])
    assert np.isfinite(found["slice_certainty", "raw"]["difference"])


def test_few_slices_of_a_kind_have_no_interval_where_a_measure_needs_both_kinds():
    one, other = confidences(1, seed=1), confidences(1, seed=2)
    few = one.index[one["present"]][:4]
    one["present"] = other["present"] = one.index.isin(few)
    found = measured(gathered(one, other))
    assert np.isfinite(found["slice_auc", ""]["difference"])
    assert np.isnan([found["slice_auc", ""]["low"], found["slice_brier", "raw"]["low"]]).all()
    assert np.isfinite(found["slice_certainty", "raw"]["low"])


def test_the_better_system_has_the_greater_area_and_the_smaller_brier_score():
    found = measured(gathered(confidences(3, seed=1), confidences(0.5, seed=2)))
    assert found["slice_auc", ""]["low"] > 0
    assert found["slice_brier", "calibrated"]["high"] < 0


def test_scores_of_detection_and_segmentation_are_taken_over_as_they_are():
    number = {"value": 0.1, "low": -0.1, "high": 0.3}
    gap = number | {"sensitivity": {"0.125": number}}
    scores = {"cpm": 0.5, "sensitivity": {"0.125": 0.4}, "n_scans": 7}
    detection = {
        "systems": {s: {"test": scores} for s in ("unet", ONE, OTHER)},
        "differences": {f"{s}_minus_{OTHER}": {"test": gap} for s in ("unet", ONE)},
    }
    means = {"all": {"dice": {"value": None}}}
    segmentation = {
        "test": {"unet": means, OTHER: means}
        | {"dice_differences": {f"unet_minus_{OTHER}": number | {"n_nodules": 3}}}
    }
    rows = list(scored("test", detection, segmentation))
    table = tables.frame("comparison", [{"set": "test"} | row for row in rows])
    assert table["measure"].tolist() == ["cpm", "sensitivity"] * 2 + ["dice"]
    assert table["point"].tolist() == ["", "0.125"] * 2 + [""]
    assert table["difference"].tolist() == [0.1] * 5
    assert np.isnan(table["one_value"].iloc[-1]) and table["n"].iloc[-1] == 3


def test_networks_of_choice_are_compared_with_each_other_and_no_system_with_its_own_first_stage():
    number = {"value": 0.1, "low": -0.1, "high": 0.3}
    gap = {"test": number | {"sensitivity": {}}}
    systems = ("unet", ONE, "transformer")
    scores = {"cpm": 0.5, "sensitivity": {}, "n_scans": 7}
    detection = {
        "systems": {s: {"test": scores} for s in systems},
        "differences": {f"{ONE}_minus_unet": gap, "transformer_minus_unet": gap},
    }
    means = {"all": {"dice": {"value": 0.4}}}
    differences = {
        f"transformer_minus_{other}": number | {"n_nodules": 3} for other in ("unet", "reader")
    }
    segmentation = {
        "test": dict.fromkeys(("unet", "transformer", "reader"), means)
        | {"dice_differences": differences}
    }
    rows = list(scored("test", detection, segmentation))
    pairs = [(row["measure"], row["one"], row["other"]) for row in rows]
    assert pairs == [("cpm", "transformer", "unet"), ("dice", "transformer", "unet")]


def test_without_two_systems_of_slices_there_is_nothing_to_gather():
    slices, fitted = gather({}, FOLDS)
    assert slices.empty and fitted == {}


def test_costs_count_each_network_for_every_system_it_is_part_of():
    keys = [
        ("unet", "training", 10.0),
        ("presence", "inference", 4.0),
        ("maskrcnn", "training", 9.0),
    ]
    jobs = pd.DataFrame(
        [
            {"model": m, "step": step, "part": "fold_0", "seconds": s, "peak_mb": 1.0}
            for m, step, s in keys
        ]
    )
    history = pd.DataFrame({"model": ["unet", "unet", "maskrcnn"], "fold": 0, "seconds": [3, 4, 5]})
    shown = pd.DataFrame({"part": ["fold_0"], "scans": [4]})
    table = costs.system_costs(history, jobs, shown, FOLDS, ["unet", ONE, OTHER])
    assert table["system"].tolist() == ["unet", "unet_resnet", "unet_resnet", "maskrcnn"]
    assert table["seconds"].tolist() == [7, 7, 4, 5]  # trainings from the history
    assert table["scans"].tolist() == [4, 4, 4, 4]  # 8 scans are not held out


def row(measure: str, stage: str, difference: float, width: float = 0.01) -> dict:
    return {
        "measure": measure, "point": "", "stage": stage, "one": ONE, "other": OTHER,
        "one_value": 0.8, "other_value": 0.8 - difference, "difference": difference,
        "low": difference - width, "high": difference + width, "n": 500, "unit": "slices",
        "definition": "",
    }  # fmt: skip


def said(raw: float, calibrated: float, n_scans: int = 10, error: float = 0.02) -> str:
    rows = [
        row("slice_ece", "calibrated", 0.0) | {"one_value": 0.01, "other_value": error},
        row("slice_certainty", "raw", raw),
        row("slice_certainty", "calibrated", calibrated),
        row("slice_auc", "", 0.05),
        row("slice_brier", "calibrated", -0.05),
    ]
    return write("test", n_scans, rows)


@pytest.mark.parametrize(
    ("raw", "calibrated", "words"),
    [
        (0.1, 0.1, ["agree", "U-Net + ResNet50 is more confident"]),
        (-0.1, -0.1, ["agree", "Mask R-CNN is more confident"]),
        (0.1, -0.1, ["disagree", "valid one: Mask R-CNN is more confident"]),
        (0.1, 0.0, ["disagree", "valid one: neither is shown"]),
        (0.0, 0.1, ["disagree", "valid one: U-Net + ResNet50 is more confident"]),
        (0.0, 0.0, ["agree", "valid one: neither is shown"]),
    ],
)
def test_the_statement_says_which_conclusion_holds(raw, calibrated, words):
    text = said(raw, calibrated)
    assert all(word in text for word in words)
    assert ("disagree" in text) == (words[0] == "disagree")


def test_confidences_that_are_still_not_calibrated_allow_no_conclusion():
    text = said(0.1, 0.1, error=0.3)
    assert "neither comparison holds" in text and "agree" not in text


def test_few_scans_allow_no_conclusion():
    text = said(0.1, 0.1, n_scans=4)
    assert "nothing can be concluded" in text and "more confident in its answers" not in text


def test_a_smaller_brier_score_is_the_better_one():
    text = said(0.1, 0.1)
    assert text.count("U-Net + ResNet50 identifies slices with a nodule better") == 2


def test_tables_name_both_systems_and_the_difference():
    found = [
        {"set": "test"} | row("slice_certainty", "raw", 0.1),
        {"set": "test"} | row("sensitivity", "", 0.1) | {"point": "0.125"},
    ]
    (table,) = tables_of(tables.frame("comparison", found))
    assert table.rows[0]["difference"] == "+0.100 (+0.090 to +0.110)"
    assert table.rows[0][""].startswith("Mean confidence in the answer, as given")
    assert "Sensitivity at 1/8" in table.rows[1][""]
    assert table.rows[0]["Mask R-CNN"] == "0.700"
