"""Long and short axis are what a ruler says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodules.findings.extent import axes


def test_a_bar_is_as_long_and_wide_as_its_pixels():
    mask = np.zeros((3, 20, 20), bool)
    mask[1, 5:7, 3:13] = True
    long_mm, short_mm = axes(mask, (0.5, 0.5))
    assert long_mm == pytest.approx(np.hypot(5.0, 0.5), abs=0.3)
    assert short_mm == pytest.approx(1.0, abs=0.5)


@given(st.floats(0, np.pi), st.floats(2.0, 5.0))
def test_an_ellipse_at_any_angle_has_its_axes(angle, ratio):
    step, half = 0.5, 12.0
    y, x = np.mgrid[-20:20.1:step, -20:20.1:step]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    mask = (along / half) ** 2 + (across / (half / ratio)) ** 2 <= 1
    long_mm, short_mm = axes(mask[None], (step, step))
    assert long_mm == pytest.approx(2 * half, abs=2 * step)
    assert short_mm == pytest.approx(2 * half / ratio, abs=2.5 * step)


def test_pixels_need_not_be_square_and_the_longest_slice_counts():
    mask = np.zeros((2, 10, 10), bool)
    mask[0, 4, 4] = True
    mask[1, 2:8, 5] = True
    long_mm, short_mm = axes(mask, (2.0, 0.5))
    assert (long_mm, short_mm) == pytest.approx((12.0, 0.5))


def test_nothing_has_no_extent():
    assert axes(np.zeros((2, 3, 3), bool), (1.0, 1.0)) == (0.0, 0.0)
