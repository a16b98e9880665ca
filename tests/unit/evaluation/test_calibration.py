"""Scores held against the share of nodules, by size, for systems whose faults are known."""

import numpy as np
import pandas as pd
import pytest

from nodules.base import tables
from nodules.evaluation import calibration, metric_rows, names
from nodules.evaluation.detection import Truth
from nodules.report.figures.calibration import by_size
from nodules.report.pages import tables as pages
from nodules.stats.logits import logit, scaled

SCANS, EACH = 15, 60


def made(sharpened: float = 1.0, seed: int = 0) -> tuple[pd.DataFrame, Truth]:
    """Candidates that are nodules as often as their score says, and the truth.

    sharpened: the logits that a system gives are so many times too large. Of each scan half of the
    candidates measure 4 mm and half 15 mm.
    """
    rng = np.random.default_rng(seed)
    rows, nodules = [], []
    for scan in range(SCANS):
        chance = rng.uniform(0.05, 0.95, EACH)
        for i, p in enumerate(chance):
            place = {"seriesuid": f"2.25.{scan}", "x": 100.0 * i, "y": 0.0, "z": 0.0}
            size = 4.0 if i % 2 else 15.0
            rows.append(place | {"candidate": i + 1, "diameter_mm": size, "probability": p})
            if rng.random() < p:
                number = {"nodule": len(nodules) + 1, "diameter_mm": size}
                nodules.append(place | number)
    marks = pd.DataFrame(rows).assign(volume_mm3=50.0, n_slices=3)
    given = scaled(logit(marks["probability"].to_numpy()), 1 / sharpened)
    uids = [f"2.25.{i}" for i in range(SCANS)]
    fold = {"seriesuid": uids, "patient": uids, "subset": 0, "n_nodules": 1}
    folds = pd.DataFrame(fold | {"fold": [i % 3 - (i % 3 == 2) * 3 for i in range(SCANS)]})
    truth = Truth(tables.frame("nodules", nodules), tables.frame("excluded"), folds)
    return marks.assign(probability=given), truth


def scored(marks: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    found = calibration.score({"unet": marks}, truth.nodules, truth.excluded, truth.folds, 100, 1)
    return found.set_index(["set", "group", "measure"]).sort_index()


def test_a_system_that_says_what_is_needs_no_temperature():
    found = scored(*made())
    for name in ("out_of_fold", "test"):
        assert found.loc[(name, "", "temperature"), "value"] == pytest.approx(1, abs=0.2)
        gap = found.loc[(name, "", "gap")]
        assert gap["low"] < 0 < gap["high"]
    assert found.loc[("out_of_fold", "", "share"), "n"] == 10 * EACH


def test_a_system_that_is_too_sure_is_scaled_back_by_its_own_temperature():
    found = scored(*made(sharpened=3.0))
    assert found.loc[("out_of_fold", "", "temperature"), "value"] == pytest.approx(3, rel=0.2)
    for name in ("out_of_fold", "test"):
        given, after = (found.loc[(name, "", key), "value"] for key in ("ece", "ece_scaled"))
        assert after < 0.65 * given


def test_gaps_of_opposite_signs_are_seen_by_size_alone():
    """Scores of small candidates are too high, and those of large ones too low, by as much."""
    marks, truth = made()
    small = (marks["diameter_mm"] == 4).to_numpy()
    off = np.where(small, 0.15, -0.15)
    found = scored(marks.assign(probability=marks["probability"] + off), truth)
    assert found.loc[("out_of_fold", "", "gap"), "value"] == pytest.approx(0, abs=0.05)
    assert found.loc[("out_of_fold", "<5", "gap"), "value"] == pytest.approx(0.15, abs=0.06)
    assert found.loc[("out_of_fold", "12-20", "gap"), "value"] == pytest.approx(-0.15, abs=0.06)
    assert found.loc[("out_of_fold", "<5", "gap"), "low"] > 0
    assert found.loc[("out_of_fold", "<5", "gap"), "n"] == 10 * EACH / 2
    assert found.loc[("out_of_fold", "5-8", "gap"), "n"] == 0


def test_the_numbers_are_those_of_a_count_by_hand():
    marks, truth = made()
    found = scored(marks, truth)
    hit = marks.merge(
        truth.nodules[["seriesuid", "x", "nodule"]], on=["seriesuid", "x"], how="left"
    )
    tested = hit["seriesuid"].map(truth.folds.set_index("seriesuid")["fold"]) == -1
    own = hit[tested & (hit["diameter_mm"] == 15)]
    row = found.loc[("test", "12-20", "share")]
    assert (row["n"], row["n_nodules"]) == (len(own), own["nodule"].notna().sum())
    assert row["value"] == pytest.approx(own["nodule"].notna().mean())
    assert found.loc[("test", "12-20", "mean"), "value"] == pytest.approx(own["probability"].mean())


def test_an_excluded_finding_does_not_count():
    marks, truth = made()
    free = marks.merge(
        truth.nodules[["seriesuid", "x"]], on=["seriesuid", "x"], how="left", indicator=True
    )
    first = free[(free["_merge"] == "left_only") & (free["seriesuid"] == "2.25.0")].iloc[0]
    row = {key: first[key] for key in ("seriesuid", "x", "y", "z", "diameter_mm")}
    excluded = tables.frame("excluded", [row])
    fewer = scored(marks, Truth(truth.nodules, excluded, truth.folds))
    assert fewer.loc[("out_of_fold", "", "gap"), "n"] == 10 * EACH - 1


def test_without_a_nodule_nothing_is_fitted_and_the_reason_is_told():
    marks, truth = made()
    found = scored(marks, Truth(truth.nodules.iloc[:0], truth.excluded, truth.folds))
    row = found.loc[("out_of_fold", "", "gap_scaled")]
    assert np.isnan(row["value"]) and "one class only" in row["reason"]
    gap = found.loc[("out_of_fold", "", "gap")]
    assert gap["value"] > 0.4 and np.isnan(gap["low"]) and "0 hits" in gap["reason"]
    assert scored(marks.iloc[:0], truth).empty


def test_rows_of_the_report_have_n_and_the_figure_has_a_mark_for_each():
    marks, truth = made()
    found = calibration.score({"unet": marks}, truth.nodules, truth.excluded, truth.folds, 100, 1)
    nothing = {"systems": {}, "differences": {}}
    rows = metric_rows.gather(nothing, {}, None, None, calibration=found)
    shown = list(pages.calibration(pages.pooled(rows)))
    assert shown[0].caption == "All candidates, cross-validation" and not shown[0].folded
    by_class = next(t for t in shown if "after temperature scaling, by the" in t.caption)
    assert by_class.rows[0][""] == "< 5 mm" and "n = 300 candidates" in by_class.rows[0]["U-Net"]
    assert by_class.rows[1]["U-Net"].startswith("–")  # none measures 5 to 8 mm
    for panel in by_size(found).axes:
        (bars,) = panel.containers
        assert len(bars.lines[0].get_xdata()) == 3  # all, small and large


def test_the_legend_of_many_systems_hides_no_axis_label():
    marks, truth = made()
    systems = dict.fromkeys(list(names.SYSTEMS)[:7], marks)
    found = calibration.score(systems, truth.nodules, truth.excluded, truth.folds, 100, 1)
    figure = by_size(found)
    figure.draw_without_rendering()
    for panel in figure.axes:
        legend, label = panel.get_legend(), panel.xaxis.label
        assert len(legend.get_texts()) == 7
        assert legend.get_window_extent().y1 <= label.get_window_extent().y0
