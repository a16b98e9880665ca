"""The two stages beside Mask R-CNN: what is drawn is what is stored."""

import pytest

from helpers import example_results as results
from nodules.base import tables
from nodules.report.figures import comparison


def test_each_line_ends_at_the_mean_of_all_slices():
    slices = results.comparison_slices()
    figure = comparison.confidence_by_system(slices, results.comparison())
    left = figure.axes[0]
    for line, (_, own) in zip(left.lines, slices.groupby("system", sort=False), strict=True):
        p = own["confidence"]
        assert line.get_ydata()[-1] == pytest.approx(p.where(p > 0.5, 1 - p).mean())
    assert "+0.100 (+0.050 to +0.150)" in left.get_legend().get_title().get_text()


def test_distributions_are_drawn_with_and_without_nodule_raw_and_calibrated():
    figure = comparison.confidence_by_system(results.comparison_slices(), results.comparison())
    assert [len(axes.lines) for axes in figure.axes] == [2, 4, 2, 4]


def test_times_of_a_systems_networks_add_up():
    time, scan, memory = comparison.system_costs(results.system_costs()).axes
    assert [text.get_text() for text in time.texts] == ["40", "60", "80"]
    assert [text.get_text() for text in scan.texts] == ["4", "6", "8"]
    # What was not measured has no bar.
    assert len(memory.texts) == 4


def test_empty_tables_give_figures_that_say_so():
    empty = comparison.confidence_by_system(
        tables.frame("comparison_slices"), tables.frame("comparison")
    )
    costs = comparison.system_costs(tables.frame("system_costs"))
    assert all(axes.texts for figure in (empty, costs) for axes in figure.axes)
