"""Loss and confidence over slices, and confidence as a proxy: what is drawn is what is stored."""

import numpy as np
import pytest

from helpers import example_results as results
from nodules.base import tables
from nodules.evaluation.names import TRANSFORMER
from nodules.report.figures.trends import (
    confidence_as_proxy,
    mean_confidence,
    slice_loss,
    window_confidence,
)


def test_every_slice_and_the_regression_line_are_drawn() -> None:
    slices = results.trend_slices()
    left, right, *_ = slice_loss(slices, results.trends(), "unet").axes
    without, with_nodule, line = left.lines
    assert len(without.get_xdata()) + len(with_nodule.get_xdata()) == 240
    assert np.diff(line.get_ydata()) == pytest.approx(1e-4)
    assert "240 slices" in left.get_title(loc="left")
    # The slope is shown per 1,000 slices, with its interval over scans.
    assert right.lines[0].get_xdata()[0] == pytest.approx(0.1)
    assert "0.1\n(-0.1 to 0.3)" in right.get_title(loc="left")


def test_few_orders_of_scans_are_ticks_and_many_a_histogram() -> None:
    trends = results.trends()
    slope = trends["sets"]["out_of_fold"]["slopes"]["presence_loss"]
    # Three scans have six orders; a sum in another order differs in its last digits.
    six = np.array([-2, -1, 0, 1, 2, 3]) * 1e-4
    slope["shuffled_scans"] = [*six, *(six * (1 + 1e-13))] * 20
    _, right, *_ = slice_loss(results.trend_slices(), trends, "unet").axes
    (ticks,) = right.collections
    assert [path[0, 0] for path in ticks.get_segments()] == pytest.approx(list(six * 1000))
    _, right, *_ = slice_loss(results.trend_slices(), results.trends(), "unet").axes
    assert not right.collections


def test_the_line_is_straight_in_loss_and_not_drawn_below_zero() -> None:
    trends = results.trends()
    slope = trends["sets"]["out_of_fold"]["slopes"]["presence_loss"]
    slope.update(slope=-0.01, intercept=1.0)
    left, *_ = slice_loss(results.trend_slices(), trends, "unet").axes
    line = left.lines[2].get_ydata()
    assert left.get_yscale() == "log"
    assert np.diff(line[:100]) == pytest.approx(-0.01)
    assert np.isnan(line[101:]).all()


def test_fewer_than_three_windows_are_no_figure() -> None:
    windows = results.trend_windows()
    for few in (1, 2):
        (axes,) = window_confidence(windows[windows["window"] <= few]).axes
        assert not axes.lines and "fewer than 3 windows" in axes.texts[0].get_text()
    assert len(window_confidence(windows[windows["window"] <= 3]).axes) == 2


def test_the_axis_names_the_scans() -> None:
    slices = results.trend_slices()
    left, *_ = slice_loss(slices, results.trends(), "unet").axes
    assert [text.get_text() for text in left.get_xticklabels()] == ["….25.1", "….25.2"]
    assert list(left.get_xticks()) == [0, 120]


def test_a_loss_without_a_slope_says_so() -> None:
    axes = slice_loss(results.trend_slices(), results.trends(), "unet").axes
    assert "too few slices" in axes[2].texts[0].get_text()


def test_the_running_mean_ends_at_the_mean_that_is_printed() -> None:
    slices = results.trend_slices()
    (axes,) = mean_confidence(slices).axes
    certainty, confidence = axes.lines
    own = slices[slices["set"] == "out_of_fold"]
    assert certainty.get_ydata()[-1] == pytest.approx(own["certainty"].mean())
    assert f"{own['confidence'].mean():.3f}" in confidence.get_label()


def test_windows_are_named_by_their_number_and_size() -> None:
    top, bottom = window_confidence(results.trend_windows()).axes
    assert "last 5 windows of 100 slices" in top.get_title(loc="left")
    assert len(bottom.lines[0].get_xdata()) == 5


def test_proxy_shows_every_nodule_and_every_bin() -> None:
    figure = confidence_as_proxy(
        results.proxy_nodules(),
        results.certainty_bins(),
        results.risk_coverage(),
        results.trends(),
        "transformer",
    )
    dice, right, coverage = figure.axes
    assert len(dice.lines[0].get_xdata()) == 9
    assert "Spearman 0.30 (0.20 to 0.40)" in dice.texts[0].get_text()
    # What the first detector of a run is called, the figure says.
    assert dice.get_ylabel() == f"Dice of the {TRANSFORMER}'s region"
    assert "28 candidates" in right.get_title(loc="left")
    assert len(coverage.lines) == 4  # two tasks, each with its best order


def test_empty_tables_give_figures_that_say_so() -> None:
    empty = tables.frame("trend_slices")
    nothing = {"sets": {}, "main_set": None}
    for figure in (
        slice_loss(empty, nothing, "unet"),
        mean_confidence(empty),
        window_confidence(tables.frame("trend_windows")),
        confidence_as_proxy(empty, empty, empty, nothing, "unet"),
    ):
        assert all(axes.texts for axes in figure.axes)


@pytest.mark.parametrize("bounds", [{}, {"low": np.nan, "high": np.nan}])
def test_a_legend_speaks_of_bands_only_where_there_are_some(bounds: dict[str, float]) -> None:
    tables_of = results.proxy_nodules(), results.certainty_bins()
    risk = results.risk_coverage().assign(**bounds)
    figure = confidence_as_proxy(*tables_of, risk, results.trends(), "unet")
    said = figure.axes[2].get_legend().get_title().get_text()
    assert ("95 % bands" in said) == (not bounds) and "dotted: best order" in said
