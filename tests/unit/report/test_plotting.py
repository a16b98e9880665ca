"""Figures look alike everywhere, and equal figures give equal files."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import binomtest

from nodules.report import lookup, plotting


@plotting.styled
def example() -> Figure:
    figure, (left, right) = plotting.panels(2)
    left.plot([1, 2, 3], label="a line")
    plotting.legend_below(left)
    plotting.note(right, "a note")
    return figure


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_the_same_figure_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        plotting.save(example(), [path])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert b"dc:date" not in paths[0].read_bytes()


def test_a_users_own_settings_play_no_part(tmp_path: Path) -> None:
    plotting.save(example(), [tmp_path / "a.svg"])
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.fonttype": "path"}):
        plotting.save(example(), [tmp_path / "b.svg"])
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_nothing_is_left_behind_when_saving_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        plotting.save(example(), [tmp_path / "a.unknown"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "bounds", "text"),
    [
        (0.5, (0.4, 0.6), "0.500 (0.400 to 0.600)"),
        (0.5, (None, None), "0.500 (–)"),
        (0.5, (float("nan"), 0.6), "0.500 (–)"),
        (None, (None, None), "–"),
        (float("nan"), (0.0, 1.0), "–"),
    ],
)
def test_interval_says_what_is_known(
    value: float | None, bounds: tuple[float | None, float | None], text: str
) -> None:
    assert lookup.interval(value, bounds) == text


def test_wilson_agrees_with_scipy() -> None:
    low, high = plotting.wilson(np.array([0.0, 0.25, 1.0]), np.array([5, 20, 7]))
    for i, (k, n) in enumerate([(0, 5), (5, 20), (7, 7)]):
        expected = binomtest(k, n).proportion_ci(method="wilson")
        assert (low[i], high[i]) == pytest.approx((expected.low, expected.high))
    assert plotting.wilson(np.array([]), np.array([])).shape == (2, 0)
