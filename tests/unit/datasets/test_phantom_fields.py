"""Solids of the phantom: where their surface is, how they join, how they are painted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodules.datasets.phantom import fields

SIZE = st.floats(2.0, 20.0)
ANGLE = st.floats(0.0, 2 * np.pi)


def point(*values: float) -> list[np.ndarray]:
    return [np.array([value]) for value in values]


@given(SIZE, SIZE, SIZE, ANGLE, st.floats(-1, 1))
def test_an_ellipsoid_is_zero_on_its_surface_and_negative_inside(
    rx: float, ry: float, rz: float, angle: float, height: float
) -> None:
    across = np.sqrt(1 - height**2)
    surface = np.array([rx * across * np.cos(angle), ry * across * np.sin(angle), rz * height])
    at = {share: fields.ellipsoid(*point(*(share * surface)), (rx, ry, rz)) for share in (0.8, 1)}
    assert at[1] == pytest.approx(0, abs=1e-6)
    assert at[0.8] < 0
    assert fields.ellipsoid(*point(*(1.2 * surface)), (rx, ry, rz)) > 0


@given(SIZE, ANGLE, st.floats(0.2, 3.0))
def test_a_circle_gives_the_distance_in_mm(radius: float, angle: float, share: float) -> None:
    away = share * radius
    x, y = point(away * np.cos(angle), away * np.sin(angle))
    assert fields.ellipse(x, y, radius, radius) == pytest.approx(away - radius, abs=1e-6)


def test_a_high_power_makes_an_ellipse_a_box() -> None:
    corner = point(9.0, 9.0)
    assert fields.ellipse(*corner, 10, 10) > 0
    assert fields.ellipse(*corner, 10, 10, power=12) < 0


def test_a_tube_has_round_ends_and_tapers() -> None:
    def tube(x: float, y: float) -> float:
        return float(fields.tube(*point(x, y, 0.0), along=(10, 0, 0), radii=(3, 1))[0])

    assert [tube(0, 3), tube(5, 2), tube(10, 1)] == pytest.approx([0, 0, 0])
    assert [tube(-3, 0), tube(11, 0)] == pytest.approx([0, 0])


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_joins_round_inner_corners_and_meets_outer_ones(one: float, other: float) -> None:
    a, b = point(one, other)
    joined, met = fields.join(a, b, smooth=4), fields.meet(a, b, smooth=4)
    assert min(one, other) - 1 <= joined <= min(one, other)
    assert max(one, other) <= met <= max(one, other) + 1
    if abs(one - other) >= 4:
        assert joined == min(one, other)


def test_coverage_is_half_on_the_surface_and_whole_within_the_edge() -> None:
    solid = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
    assert fields.coverage(solid, width=2) == pytest.approx([1, 1, 0.5, 0, 0])
    assert fields.coverage(fields.where(solid < 0), 2).tolist() == [1, 1, 0, 0, 0]


def test_painting_mixes_at_the_edge_and_leaves_the_rest() -> None:
    hu = np.full(3, -800.0)
    fields.paint(hu, np.array([-5.0, 0.0, 5.0]), 40.0, width=1)
    assert hu == pytest.approx([40, -380, -800])


def test_a_shell_has_a_wall_of_its_thickness() -> None:
    hu = np.zeros(4)
    fields.shell(hu, np.array([1.0, -1.0, -3.0, -9.0]), -1000.0, wall=(50.0, 2.0), width=0.1)
    assert hu == pytest.approx([0, 50, -1000, -1000])


def test_noise_is_smooth_and_follows_its_seed() -> None:
    shape = (20, 30, 40)
    noise = fields.smooth_noise(np.random.default_rng(3), shape, (4, 5, 6))
    assert noise.shape == shape
    assert np.array_equal(noise, fields.smooth_noise(np.random.default_rng(3), shape, (4, 5, 6)))
    for axis in range(3):
        assert np.abs(np.diff(noise, axis=axis)).std() < 0.5 * noise.std()


def test_blur_keeps_a_flat_scan_and_the_sum_of_a_point() -> None:
    flat = np.full((5, 16, 16), -700, np.float32)
    assert fields.blur(flat, 1.0, 0.2) == pytest.approx(flat)
    spike = np.zeros((5, 31, 31), np.float32)
    spike[2, 15, 15] = 100
    blurred = fields.blur(spike, 1.0, 0.2)
    assert blurred.sum() == pytest.approx(100, rel=1e-3)
    assert blurred.sum(axis=(1, 2)) == pytest.approx([0, 20, 60, 20, 0], abs=0.1)
