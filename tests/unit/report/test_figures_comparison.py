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


def test_every_job_is_a_dot():
    time, scan, memory = comparison.system_costs(results.system_costs()).axes
    of_time, of_scan, of_memory = (
        sorted(x for line in panel.lines for x in line.get_xdata())
        for panel in (time, scan, memory)
    )
    # Two folds of the U-Net, of it again with the ResNet50, of this, and of Mask R-CNN.
    assert of_time == [20.0] * 2 + [40.0] * 4 + [80.0] * 2
    assert of_scan == [2.0] * 2 + [4.0] * 4 + [8.0] * 2
    # What was not measured has no dot; training and inference both have one of memory.
    assert of_memory == [1.5] * 12


def test_empty_tables_give_figures_that_say_so():
    empty = comparison.confidence_by_system(
        tables.frame("comparison_slices"), tables.frame("comparison")
    )
    costs = comparison.system_costs(tables.frame("system_costs"))
    assert all(axes.texts for figure in (empty, costs) for axes in figure.axes)
