"""Tables of the report: readable names, numbers with n, every definition once as a note."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from helpers.example_results import number
from helpers.sources import ROOT
from nodules.base import closure, tables
from nodules.evaluation.metrics import MEASURES
from nodules.report.pages.tables import (
    by_fold,
    detection,
    glance,
    pooled,
    presence,
    proxy,
    segmentation,
    slopes,
)

# What finds files and spells links reads paths, not names of numbers.
OF_PATHS = {"files", "markup"}
PAGES = sorted((ROOT / "workflow/nodules/report/pages").glob("*.py"))
PAGES = [page for page in PAGES if page.stem not in OF_PATHS]
TEST, POOLED = "test", "cross-validation"


def frame(*rows: dict) -> pd.DataFrame:
    return tables.frame("metrics", list(rows))


@pytest.mark.parametrize("module", PAGES, ids=lambda module: module.stem)
def test_no_page_reads_anything_out_of_a_name(module: Path) -> None:
    assert "re" not in closure.imported(module)
    parsing = {"startswith", "endswith", "removeprefix", "partition", "rpartition", "split"}
    parsing |= {"extract", "contains", "match", "fullmatch", "findall"}
    tree = ast.parse(module.read_text())
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert called & parsing == set()


def test_sensitivities_have_their_rate_in_words() -> None:
    rows = [number("sensitivity", "unet", point=rate) for rate in ("0.125", "8")]
    (table,) = detection(frame(*rows, number("cpm", "unet")))
    assert [row[""] for row in table.rows] == [
        "Sensitivity at 1/8 FP per scan",
        "Sensitivity at 8 FP per scan",
        "CPM: mean of the seven",
    ]
    assert table.rows[0][f"{TEST}\nn = 7 nodules"] == "0.500 (0.400 to 0.600)"


def test_operating_points_are_rows_and_their_rates_columns() -> None:
    """Notes are numbered as they are read: those of the head first."""
    rows = [
        number(measure, "unet", point="best_8_per_scan", n=n, unit=unit)
        for measure, n, unit in (("recall", 7, "nodules"), ("candidates_per_scan", 3, "scans"))
    ]
    (table,) = detection(frame(*rows))
    (row,) = table.rows
    assert list(row) == [
        "",
        "Nodules found [1]\nn = 7 nodules",
        "Candidates per scan [2]\nn = 3 scans",
    ]
    assert row[""] == "U-Net alone, the 8 highest-scoring of each scan [3]"
    assert table.notes == [
        MEASURES["recall"].definition,
        MEASURES["candidates_per_scan"].definition,
        "only the 8 highest-scoring candidates of each scan",
    ]
    assert table.rows[0]["Nodules found [1]\nn = 7 nodules"] == "0.50 (0.40 to 0.60)"


def test_dice_by_diameter_has_a_column_for_each_comparison_and_classes_by_size() -> None:
    classes = (">=20", "5-8", "<5", "12-20", "8-12")
    rows = [number("dice", s, group=c) for c in classes for s in ("unet", "reader", "sphere")]
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


def test_nodules_touched_have_a_row_of_their_own() -> None:
    rows = [
        number("dice", "unet"),
        number("dice", "unet", group="detected only", n=5),
    ]
    (table,) = segmentation(frame(*rows))
    systems = [re.sub(r" \[\d\]", "", row[""]) for row in table.rows]
    assert table.notes[2].endswith("only nodules that one touches")
    assert systems == ["U-Net, n = 7 nodules", "U-Net, nodules touched, n = 5 nodules"]


def test_an_undefined_number_is_a_dash_with_its_reason() -> None:
    gone = {"value": float("nan"), "low": float("nan"), "high": float("nan")}
    why = "one class (no nodule)"
    rows = [
        number("presence_auc", "presence", reason=why, **gone),
        number("presence_auc", "presence", "out_of_fold"),
    ]
    (table,) = presence(frame(*rows))
    (row,) = table.rows
    assert row == {
        "": "AUC [1]",
        f"{TEST}\nn = 7 nodules": "– [2]",
        f"{POOLED}\nn = 7 nodules": "0.500 (0.400 to 0.600)",
    }
    assert table.soft == [f"{TEST}\nn = 7 nodules"]
    assert table.notes == ["what presence_auc is", "Undefined: one class (no nodule)"]


def test_a_number_without_an_interval_says_why() -> None:
    none = {"low": float("nan"), "high": float("nan")}
    why = "4 scans, where an interval needs 5"
    (table,) = presence(frame(number("presence_auc", "presence", reason=why, **none)))
    assert table.rows[0][f"{TEST}\nn = 7 nodules"] == "0.500 (–) [2]"
    assert table.notes[1] == f"No interval: {why}"


def test_correlations_over_nodules_and_over_candidates_are_two_tables() -> None:
    rows = [
        number("spearman_confidence_and_dice", "presence"),
        number("auc_certainty_and_right", "presence", unit="candidates"),
    ]
    nodules, candidates = proxy(frame(*rows))
    assert nodules.rows[0][""] == "Spearman: ResNet50's confidence and Dice [1]"
    assert candidates.caption == "What confidence says about candidates"
    assert candidates.rows[0][""].startswith("AUC: ResNet50's certainty and correctness")


def test_slopes_are_told_by_a_thousand_slices() -> None:
    bounds = {"value": 2e-4, "low": -1e-4, "high": 5e-4}
    row = number("slope", "presence", group="presence_loss", **bounds, n=1, unit="slices")
    (table,) = slopes(frame(row))
    assert table.rows[0][""] == "ResNet50's loss (nat) [1]"
    assert table.rows[0][TEST] == "0.2 (-0.1 to 0.5), n = 1 slice"
    assert "1,000 slices" in table.caption


def test_folds_stand_below_each_other_and_systems_side_by_side() -> None:
    rows = [number("cpm", s, f"fold_{k}") for s in ("unet", "unet_resnet") for k in range(2)]
    table = by_fold(frame(*rows))
    assert table.numbers == ["U-Net alone", "U-Net + ResNet50"]
    assert [row[""] for row in table.rows] == ["fold 0, n = 7 nodules", "fold 1, n = 7 nodules"]


@pytest.mark.parametrize(
    ("build", "measure", "words"),
    [
        (detection, "cpm", "CPM: Mask R-CNN minus U-Net alone"),
        (segmentation, "dice", "Dice: Mask R-CNN minus U-Net"),
    ],
)
def test_a_difference_names_both_systems(build: Callable, measure: str, words: str) -> None:
    (table,) = build(frame(number(measure, "maskrcnn", other="unet")))
    assert table.rows[0][""] == f"{words} [1]"


def test_a_measure_that_nobody_declared_is_refused() -> None:
    with pytest.raises(KeyError, match="new_score"):
        list(presence(frame(number("new_score", "presence"))))


def test_only_pooled_sets_stand_side_by_side() -> None:
    rows = frame(*(number("cpm", "unet", name) for name in ("fold_0", "out_of_fold", "test")))
    assert list(pooled(rows)["set"]) == ["out_of_fold", "test"]
    (cpm,) = glance(rows).rows
    assert list(cpm) == ["", POOLED, TEST]
