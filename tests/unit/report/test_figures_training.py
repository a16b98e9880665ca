"""Trainings by epoch: every fold thin, their mean thick."""

import pytest

from helpers import example_results as results
from nodules.base import tables
from nodules.report.figures import training


def test_the_thick_line_is_the_mean_of_the_thin_ones() -> None:
    figure = training.epochs(results.history())
    assert len(figure.axes) == 4  # two models, confidence and loss
    *folds, mean = figure.axes[1].lines
    assert len(folds) == 3
    assert mean.get_linewidth() > folds[0].get_linewidth()
    assert mean.get_ydata() == pytest.approx([4 / 3, 4 / 6, 4 / 9, 4 / 12])
    assert mean.get_label() == "mean of 3 folds"


def test_training_and_left_out_loss_share_a_panel() -> None:
    left, *_ = training.training(results.history()).axes
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels == ["training: mean of 3 folds", "the fold's own scans: mean of 3 folds"]


def test_no_training_says_so() -> None:
    for draw in (training.epochs, training.training):
        assert "no network" in draw(tables.frame("history")).axes[0].texts[0].get_text()
