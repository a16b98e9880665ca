"""Below the rule's n (`nodules.stats.bootstrap.FEWEST`) no interval, bar, box or band is drawn."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from nodules.base import tables
from nodules.evaluation import calibration as sized
from nodules.evaluation import presence as evaluation
from nodules.evaluation import sets
from nodules.evaluation.detection import Truth, score_systems
from nodules.report import plotting
from nodules.report.figures import detection, presence
from nodules.report.figures.calibration import by_size
from nodules.stats import bootstrap

GRID = (0.0, 50.0, 100.0)  # world mm of the nodules of a scan


def run(scans: int, nodules: int) -> tuple[pd.DataFrame, Truth]:
    """Marks and truth of so many scans and nodules: two of three nodules are found, and alarms."""
    rng = np.random.default_rng(scans * 100 + nodules)
    uids = [f"2.25.{i}" for i in range(scans)]
    found: list[dict[str, Any]] = []
    wanted: list[dict[str, Any]] = []
    for i in range(nodules):
        place = {"seriesuid": uids[i % scans], "x": GRID[i // scans % 3], "y": 0.0, "z": 0.0}
        wanted.append(place | {"nodule": 1 + i // scans, "diameter_mm": 8.0})
        if i % 3:
            found.append(place | {"candidate": 1 + i // scans, "nodule": 1 + i // scans})
    for i, uid in enumerate(uids * 3):
        far = {"x": 300.0 + 20 * i, "y": 0.0, "z": 0.0}
        found.append({"seriesuid": uid, "candidate": 50 + i, "nodule": 0} | far)
    marks = pd.DataFrame(found).assign(diameter_mm=8.0, volume_mm3=270.0, n_slices=3)
    p = np.clip(rng.normal(0.4 + 0.2 * (marks["nodule"] > 0), 0.15), 0.01, 0.99)
    marks = marks.assign(probability=p, confidence=p, logit=np.log(p / (1 - p)), excluded=False)
    fold = {"seriesuid": uids, "patient": uids, "subset": 0, "n_nodules": 1}
    folds = pd.DataFrame(fold | {"fold": [i % 2 for i in range(scans)]})
    return marks, Truth(tables.frame("nodules", wanted), tables.frame("excluded"), folds)


def drawn(figure: Figure) -> dict[str, int]:
    """How many bands, error bars and boxes of a figure show anything."""
    shown = {"bands": 0, "bars": 0, "boxes": 0}
    for axes in figure.axes:
        for band in axes.collections:
            if isinstance(band, FillBetweenPolyCollection):
                shown["bands"] += sum(len(path.vertices) > 0 for path in band.get_paths())
        for bar in axes.containers:
            if isinstance(bar, ErrorbarContainer):
                shown["bars"] += len(bar.lines[0].get_xdata())
        shown["boxes"] += sum(isinstance(patch, PathPatch) for patch in axes.patches)
    return shown


@pytest.mark.parametrize(
    ("scans", "nodules", "may"), [(4, 40, False), (12, 4, False), (12, 30, True)]
)
def test_a_froc_has_a_band_from_five_scans_and_five_nodules_on(
    scans: int, nodules: int, may: bool
) -> None:
    marks, truth = run(scans, nodules)
    found = score_systems({"unet": tables.frame("candidates", marks[CANDIDATE])}, truth, 100, 1)
    figure = detection.froc_curves(found.froc, found.summary)
    assert (drawn(figure)["bands"] > 0) == may
    assert ("(–)" in figure.axes[0].get_legend().get_texts()[0].get_text()) != may


CANDIDATE = tables.columns("candidates")


def test_a_froc_of_no_mark_says_that_its_intervals_have_no_width() -> None:
    marks, truth = run(12, 30)
    nothing = tables.frame("candidates", marks[CANDIDATE].iloc[:0])
    found = score_systems({"unet": nothing}, truth, 100, 1)
    (panel,) = detection.froc_curves(found.froc, found.summary).axes
    assert panel.get_legend().get_title().get_text() == f"(–): {bootstrap.SAME}"


@pytest.mark.parametrize(
    ("scans", "nodules", "may"), [(4, 40, False), (12, 6, False), (12, 30, True)]
)
def test_calibration_by_size_has_bars_from_five_of_each_kind_on(
    scans: int, nodules: int, may: bool
) -> None:
    marks, truth = run(scans, nodules)
    found = sized.score({"unet": marks}, truth.nodules, truth.excluded, truth.folds, 100, 1)
    assert (drawn(by_size(found))["bars"] > 0) == may
    whole = found[found["measure"] != "temperature"].dropna(subset=["low"])
    assert (len(whole) > 0) == may


@pytest.mark.parametrize(
    ("scans", "nodules", "may"), [(4, 40, False), (12, 6, False), (12, 30, True)]
)
def test_roc_and_calibration_have_bands_and_bars_from_five_of_each_kind_on(
    scans: int, nodules: int, may: bool
) -> None:
    marks, truth = run(scans, nodules)
    scores = evaluation.score(marks, truth.folds, 100, 1)
    assert (drawn(presence.curves(scores.curves, scores.summary))["bands"] > 0) == may
    for panel in presence.reliability(scores.reliability, scores.summary).axes:
        shown = [c.lines[0].get_xdata() for c in panel.containers]
        assert (sum(map(len, shown)) > 0) == (scans >= bootstrap.FEWEST)


@pytest.mark.parametrize("count", [3, 4, 5, 9])
def test_boxes_need_five_nodules_however_many_readers(count: int) -> None:
    rows = [
        {"set": "out_of_fold", "seriesuid": f"2.25.{n}", "nodule": 1, "diameter_mm": 6.0}
        | {"diameter_class": "5-8", "comparison": "reader", "reader": reader, "detected": True}
        | {"candidates": [], "dice": 0.5 + n / 100 + reader / 50, "iou": 0.5, "sensitivity": 0.5}
        | {"surface_mm": 1.0, "reference_mm3": 100.0, "predicted_mm3": 90.0}
        for n in range(count)
        for reader in range(1, 5)
    ]
    figure = detection.dice_by_diameter(tables.frame("segmentation", rows))
    assert drawn(figure)["boxes"] == (count >= bootstrap.FEWEST)


@pytest.mark.parametrize("count", [4, 5])
def test_a_share_of_fewer_than_five_has_a_hollow_mark_and_no_bar(count: int) -> None:
    _, (axes,) = plotting.panels()
    plotting.shares(axes, [0.3], [0.5], [count], "o", {"color": "black"})
    bars = sum(len(bar.lines[0].get_xdata()) for bar in axes.containers)
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert (bars, sum(len(line.get_xdata()) for line in hollow)) == (
        (1, 0) if count >= bootstrap.FEWEST else (0, 1)
    )


def test_the_rule_itself() -> None:
    assert bootstrap.FEWEST == 5
    assert bootstrap.too_few({"scans": 5, "nodules": 5}) == ""
    assert bootstrap.too_few({"scans": 4, "nodules": 1}) == (
        "4 scans and 1 nodule, where an interval needs 5"
    )
    values = np.linspace(0, 1, 101)
    assert np.isfinite(bootstrap.estimate(values, counts={"scans": 5}).low)
    few = bootstrap.estimate(values, counts={"scans": 9, "nodules": 4})
    assert few.value == 0 and np.isnan([few.low, few.high]).all()
    assert few.to_dict()["reason"] == "4 nodules, where an interval needs 5"
    same = bootstrap.estimate(np.ones(101), counts={"scans": 9})
    assert np.isnan(same.low) and same.reason == bootstrap.SAME
    nearly = bootstrap.estimate([1.0, *np.ones(99), 0.2], counts={"scans": 9})
    assert np.isnan(nearly.low) and nearly.reason == bootstrap.SAME  # yet not all are the same
    none = bootstrap.estimate([1.0, *np.full(100, np.nan)], counts={"scans": 9})
    assert np.isnan(none.low) and none.reason == bootstrap.UNDEFINED
    assert len(bootstrap.weights(4, 100, 0)) == 1
    assert len(sets.roc_band(np.array([0, 1]), np.array([0.1, 0.9]), NOTHING, "few")) == 0


NOTHING = (np.zeros(2, np.int64), np.ones((1, 1)))
