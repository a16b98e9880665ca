"""Growth with its interval, and when no doubling time is told."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodules.findings.follow_up import growth
from nodules.findings.follow_up.growth import Size, doubling_days, grown
from nodules.findings.size import sphere_diameter

SEEN = Size(500.0, sphere_diameter(500.0), 1.0, 1.25, "B50f")
volumes = st.floats(20, 20_000)
days_apart = st.floats(1, 2000)


def size(volume: float, **seen) -> Size:
    """A size of a volume."""
    return replace(SEEN, volume_mm3=volume, diameter_mm=sphere_diameter(volume), **seen)


@pytest.mark.parametrize(
    ("ratio", "days", "vdt"),
    [
        (2.0, 100, 100.0),  # doubled
        (1.25, 90, 279.6),  # +25 % in 90 days is a doubling time of 280 days
        (1.25, 365, 1133.8),
        (0.5, 100, -100.0),  # halved
    ],
)
def test_doubling_times_by_hand(ratio, days, vdt):
    assert doubling_days(math.log(ratio), days) == pytest.approx(vdt, abs=0.1)


def test_no_change_is_growth_0_and_doubles_never():
    same = grown(SEEN, SEEN, 365)
    assert same.percent == 0 and same.verdict == growth.WITHIN and same.vdt_days == math.inf
    assert same.low < 1 < same.high


@given(one=volumes, two=volumes, days=days_apart)
def test_swapping_the_times_inverts_every_sign(one, two, days):
    forth, back = grown(size(one), size(two), days), grown(size(two), size(one), days)
    assert forth.ratio * back.ratio == pytest.approx(1)
    assert forth.low * back.high == pytest.approx(1)
    other = {growth.GROWN: growth.SHRUNK, growth.SHRUNK: growth.GROWN}
    assert back.verdict == other.get(forth.verdict, forth.verdict)
    if not math.isinf(forth.vdt_days):
        assert forth.vdt_days == pytest.approx(-back.vdt_days)
        assert forth.vdt_low == pytest.approx(-back.vdt_high)


@given(one=volumes, two=volumes, days=days_apart)
def test_the_interval_holds_the_measured_change(one, two, days):
    found = grown(size(one), size(two), days)
    assert found.low < found.ratio < found.high
    if found.verdict == growth.GROWN:
        assert 0 < found.vdt_low < found.vdt_days < found.vdt_high
        assert found.ratio > 1.25
    if found.verdict == growth.SHRUNK:
        assert found.vdt_low < 0 and found.vdt_high < 0 and found.ratio < 0.8


def test_the_interval_is_wider_for_small_nodules_and_coarse_voxels():
    def width(volume: float, voxel: float) -> float:
        found = grown(size(volume, voxel_mm=voxel), size(volume, voxel_mm=voxel), 100)
        return found.high / found.low

    assert width(50, 1.0) > width(500, 1.0) > width(5000, 1.0)
    assert width(500, 1.5) > width(500, 1.0) > width(500, 0.6)


@pytest.mark.parametrize(
    ("before", "after", "days", "reason"),
    [
        (SEEN, replace(SEEN, step_mm=3.0), 90, "slices are 3 mm apart, more than 2.5 mm"),
        (SEEN, replace(SEEN, kernel="B30f"), 90, "the kernels differ (B50f and B30f)"),
        (SEEN, SEEN, None, "the dates are not known"),
        (SEEN, SEEN, 0, "both scans are of one day"),
    ],
)
def test_a_doubling_time_is_withheld_with_the_reason(before, after, days, reason):
    for found in (grown(before, after, days), grown(after, before, days)):
        assert found.vdt_days is None
        assert set(found.withheld.replace("B30f and B50f", "B50f and B30f")) == set(reason)
        assert found.percent == 0  # the change itself is told


@pytest.mark.parametrize("kernels", [("", "B50f"), ("B50f", "B50f"), ("", "")])
def test_unknown_or_equal_kernels_withhold_nothing(kernels):
    one, two = (replace(SEEN, kernel=kernel) for kernel in kernels)
    assert grown(one, two, 90).withheld == ""


def test_slices_of_2_5_mm_are_thin_enough():
    assert grown(SEEN, replace(SEEN, step_mm=2.5), 90).withheld == ""


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(1.2, growth.WITHIN), (0.85, growth.WITHIN), (1.6, growth.GROWN), (0.6, growth.SHRUNK)],
)
def test_a_change_within_25_percent_is_none(ratio, verdict):
    assert grown(size(5000, voxel_mm=0.6), size(5000 * ratio, voxel_mm=0.6), 90).verdict == verdict


def test_a_small_nodule_s_change_of_a_third_is_within_repeatability():
    assert grown(size(15, voxel_mm=1.6), size(20, voxel_mm=1.6), 90).verdict == growth.WITHIN
