"""The FROC figure of `luna16 score`: what is drawn is the score."""

import numpy as np
import pytest

from helpers.example_results import HIT_A, HIT_B, score
from nodules.base.files import UserError
from nodules.evaluation.froc import GRID, RATE_STEP, RATES, sensitivity_at
from nodules.report.figures.froc import FigureCurve, check_format, draw


def test_a_curve_is_the_score_at_every_point_of_the_grid() -> None:
    result = score([HIT_A, HIT_B])
    curve = FigureCurve.of("mine", result)
    assert curve.sensitivity == pytest.approx(sensitivity_at(result.curve, GRID))
    assert curve.sensitivity[::RATE_STEP] == pytest.approx(result.sensitivity)
    assert (curve.cpm, curve.cpm_ci) == (result.cpm, result.cpm_ci)


def test_lines_are_told_apart_without_colour_and_marked_at_the_seven_rates() -> None:
    curves = [FigureCurve.of(name, score([HIT_A])) for name in ("one", "two")]
    (axes,) = draw(curves).axes
    one, two = axes.lines
    assert one.get_linestyle() != two.get_linestyle()
    assert one.get_marker() != two.get_marker()
    assert one.get_xdata()[:: one.get_markevery()] == pytest.approx(RATES)
    assert axes.get_xscale() == "log"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[0].startswith("one\nCPM 0.500 (")


def test_the_band_is_drawn_and_named_only_where_there_is_one() -> None:
    with_band = FigureCurve.of("mine", score([HIT_A], scans="abcdef"))
    without = FigureCurve.of("mine", score([HIT_A], bootstrap=0))
    assert np.isnan(without.band).all()
    for curve, title in ((with_band, "Shaded: 95 %"), (without, "")):
        (axes,) = draw([curve]).axes
        assert axes.get_legend().get_title().get_text().startswith(title)
    assert axes.get_legend().get_title().get_text() == ""


def test_only_formats_that_can_be_written_pass() -> None:
    check_format("froc.svg")
    with pytest.raises(UserError, match=r"froc\.jpg"):
        check_format("froc.jpg")
