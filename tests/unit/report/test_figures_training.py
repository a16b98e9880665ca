"""Trainings by epoch: every fold thin, their mean thick."""

import pytest
from matplotlib.figure import Figure

from helpers import example_results as results
from nodules.base import tables
from nodules.report.figures import training


def said(figure: Figure) -> list[str]:
    """What the legend below all panels says."""
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_the_thick_line_is_the_mean_of_the_thin_ones() -> None:
    figure = training.epochs(results.history())
    assert len(figure.axes) == 4  # two models, confidence and loss
    *folds, mean = figure.axes[1].lines
    assert len(folds) == 3
    assert mean.get_linewidth() > folds[0].get_linewidth()
    assert mean.get_ydata() == pytest.approx([4 / 3, 4 / 6, 4 / 9, 4 / 12])
    assert said(figure) == ["one network", "mean of 3 folds"]


def test_training_and_left_out_loss_share_a_panel() -> None:
    figure = training.training(results.history())
    assert len(figure.axes[0].lines) == 2 * (3 + 1)  # of both: three folds and their mean
    assert said(figure)[:2] == ["training samples", "held-out scans (in colour)"]
    assert not any(panel.get_legend() for panel in figure.axes)  # which could hide a line


def test_no_training_says_so() -> None:
    for draw in (training.epochs, training.training):
        assert "no network" in draw(tables.frame("history")).axes[0].texts[0].get_text()
