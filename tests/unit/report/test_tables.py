"""Tables of the report: readable names, numbers with n, every definition once as a note."""

import re

import pandas as pd
import pytest

from nodules.base import tables
from nodules.report.pages.tables import (
    by_fold,
    classification,
    detection,
    glance,
    pooled,
    proxy,
    segmentation,
)

TEST, POOLED = "held-out test scans", "left-out scans of all folds"


def metric(name: str, system: str, where: str = "test", **changes: object) -> dict:
    row = {"metric": name, "system": system, "set": where, "value": 0.5, "low": 0.4, "high": 0.6}
    return row | {"n": 7, "unit": "nodules", "definition": f"what {name} is"} | changes


def frame(*rows: dict) -> pd.DataFrame:
    return tables.frame("metrics", list(rows))


def test_sensitivities_have_their_rate_in_words() -> None:
    names = ["sensitivity_at_0.125", "sensitivity_at_8", "cpm"]
    (table,) = detection(frame(*(metric(name, "unet") for name in names)))
    assert [row[""] for row in table.rows] == [
        "Sensitivity at 1/8 FP a scan",
        "Sensitivity at 8 FP a scan",
        "CPM: mean of the seven",
    ]
    assert table.rows[0][f"{TEST}\nn = 7 nodules"] == "0.500 (0.400 to 0.600)"


def test_operating_points_are_rows_and_their_rates_columns() -> None:
    rows = [
        metric(
            f"{measure}_best_8_per_scan",
            "unet",
            n=n,
            unit=unit,
            definition=f"{measure}; the eight highest",
        )
        for measure, n, unit in (("recall", 7, "nodules"), ("candidates_per_scan", 3, "scans"))
    ]
    (table,) = detection(frame(*rows))
    (row,) = table.rows
    assert list(row) == [
        "",
        "Nodules found [2]\nn = 7 nodules",
        "Candidates a scan [3]\nn = 3 scans",
    ]
    assert row[""] == "U-Net alone, the 8 surest of each scan [1]"
    assert table.notes == ["the eight highest", "recall", "candidates_per_scan"]


def test_dice_by_diameter_has_a_column_for_each_comparison_and_classes_by_size() -> None:
    classes = (">=20", "5-8", "<5", "12-20", "8-12")
    rows = [metric(f"dice {c} mm", s) for c in classes for s in ("unet", "reader", "sphere")]
    rows[1]["n"] = 6  # not every nodule has two readers
    (table,) = segmentation(frame(*rows))
    assert table.numbers == ["U-Net", "one reader", "sphere"]
    assert [row[""].split(" mm")[0] for row in table.rows] == [
        "< 5",
        "5–8",
        "8–12",
        "12–20",
        "≥ 20",
    ]
    assert table.rows[-1]["one reader"].endswith(", n = 6 nodules"), "not the n of its row"
    assert table.rows[-1][""].endswith("n = 7 nodules")


def test_nodules_touched_have_a_column_of_their_own() -> None:
    rows = [
        metric("dice", "unet", definition="3-D Dice: all nodules"),
        metric("dice detected only", "unet", n=5, definition="3-D Dice: those touched"),
    ]
    (table,) = segmentation(frame(*rows))
    (row,) = table.rows
    heads = [re.sub(r" \[\d\]", "", head) for head in row]
    assert heads == ["", "U-Net\nn = 7 nodules", "U-Net, nodules touched\nn = 5 nodules"]


def test_an_undefined_number_is_a_dash_with_its_reason() -> None:
    gone = {"value": float("nan"), "low": float("nan"), "high": float("nan")}
    why = "area under the curve (undefined: one class (no nodule))"
    rows = [
        metric("auc", "resnet", definition=why, **gone),
        metric("auc", "resnet", "out_of_fold", definition="area under the curve"),
    ]
    (table,) = classification(frame(*rows))
    (row,) = table.rows
    assert row == {
        "": "AUC [1]",
        f"{TEST}\nn = 7 nodules": "– [2]",
        f"{POOLED}\nn = 7 nodules": "0.500 (0.400 to 0.600)",
    }
    assert table.notes == ["area under the curve", "Undefined: one class (no nodule)"]


def test_correlations_over_nodules_and_over_candidates_are_two_tables() -> None:
    rows = [
        metric("spearman_confidence_and_dice", "resnet"),
        metric("auc_certainty_and_right", "resnet", unit="candidates"),
    ]
    nodules, candidates = proxy(frame(*rows))
    assert nodules.rows[0][""] == "Spearman: ResNet50's confidence and Dice [1]"
    assert candidates.caption == "What confidence tells of candidates"
    assert candidates.rows[0][""].startswith("AUC: ResNet50's certainty and being right")


def test_slopes_are_told_by_a_thousand_slices() -> None:
    row = metric("slope", "resnet_loss", value=2e-4, low=-1e-4, high=5e-4, n=1, unit="slices")
    (table,) = proxy(frame(row))
    assert table.rows[0][TEST] == "0.2 (-0.1 to 0.5), n = 1 slice"
    assert "1,000 slices" in table.caption


def test_folds_stand_below_each_other_and_systems_side_by_side() -> None:
    rows = [metric("cpm", s, f"fold_{k}") for s in ("unet", "unet_resnet") for k in range(2)]
    table = by_fold(frame(*rows))
    assert table.numbers == ["U-Net alone", "U-Net + ResNet50"]
    assert [row[""] for row in table.rows] == ["fold 0, n = 7 nodules", "fold 1, n = 7 nodules"]


@pytest.mark.parametrize(
    ("name", "system", "words"),
    [
        ("cpm_difference", "unet_resnet_minus_unet", "CPM: U-Net + ResNet50 minus U-Net alone"),
        ("recall_all_new", "unet", "U-Net alone, All new"),
    ],
)
def test_detection_knows_pairs_and_takes_points_that_it_does_not_know(
    name: str, system: str, words: str
) -> None:
    (table,) = detection(frame(metric(name, system)))
    assert table.rows[0][""].startswith(words)


def test_a_number_without_a_readable_name_is_shown_all_the_same() -> None:
    (table,) = classification(frame(metric("new_score", "resnet")))
    assert table.rows[0][""] == "New score (ResNet50) [1]"


def test_only_pooled_sets_stand_side_by_side() -> None:
    rows = frame(*(metric("cpm", "unet", name) for name in ("fold_0", "out_of_fold", "test")))
    assert list(pooled(rows)["set"]) == ["test", "out_of_fold"]
    (cpm,) = glance(rows).rows
    assert list(cpm) == ["", TEST, POOLED]
