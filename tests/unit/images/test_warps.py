"""Points and volumes moved by a smooth warp."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodules.datasets.phantom.second_scan import Motion, draw_warp
from nodules.images.coarse import averaged
from nodules.images.geometry import Geometry
from nodules.images.warps import Warp

GRID = Geometry.build((-100, -90, -300), (1.5, 1.5, 2.5), np.eye(3), (60, 100, 110))


def points(seed: int, count: int = 50) -> np.ndarray:
    """World points within the grid."""
    return GRID.to_world(np.random.default_rng(seed).uniform(0, 1, (count, 3)) * GRID.shape)


def test_the_identity_moves_nothing_and_resamples_nothing():
    volume = np.random.default_rng(0).integers(-1000, 400, GRID.shape).astype(np.int16)
    warp = Warp.identity()
    np.testing.assert_allclose(warp(points(1)), points(1))
    np.testing.assert_allclose(warp.resample(volume, GRID, GRID, 0), volume, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_inverse_leads_back(seed):
    warp = draw_warp(np.random.default_rng(seed), GRID, Motion())
    there = warp(points(seed))
    np.testing.assert_allclose(warp.inverse(there), points(seed), atol=0.01)
    np.testing.assert_allclose(warp(warp.inverse(points(seed))), points(seed), atol=0.01)


def test_a_volume_is_seen_where_its_points_go():
    """A bright ball lies, after resampling, at the point that the warp sends to its middle."""
    warp = draw_warp(np.random.default_rng(4), GRID, Motion(2, 6, 0.01, 5, 1))
    middle = GRID.to_world((30, 50, 55))
    z, y, x = np.indices(GRID.shape)
    away = np.linalg.norm(GRID.to_world(np.stack([z, y, x], -1)) - middle, axis=-1)
    seen = warp.resample(np.where(away < 10, 1000, 0).astype(np.int16), GRID, GRID, 0.0)
    found = GRID.to_world(np.argwhere(seen > 500).mean(axis=0))
    np.testing.assert_allclose(found, warp.inverse(middle), atol=0.5)


@pytest.mark.parametrize(("fill", "beyond"), [(-5.0, -5.0), (None, 7.0)])
def test_beyond_the_volume_stands_what_was_asked_for(fill, beyond):
    away = Warp(np.eye(3), np.array([1000.0, 0, 0]))
    seen = away.resample(np.full(GRID.shape, 7, np.int16), GRID, GRID, fill)
    np.testing.assert_allclose(seen, beyond)


@pytest.mark.parametrize("step", [3.0, 4.0, 7.3])
def test_averaging_keeps_the_mean_and_the_outer_faces(step):
    volume = np.random.default_rng(2).normal(0, 100, GRID.shape).astype(np.float32)
    box = (slice(3, 57), slice(10, 90), slice(0, 110))
    coarse, grid = averaged(volume, GRID, box, step)
    assert abs(coarse.mean() - volume[box].mean()) < 1.0
    extent = np.array(grid.shape) * grid.spacing_zyx
    np.testing.assert_allclose(extent, np.array([54, 80, 110]) * GRID.spacing_zyx)
    np.testing.assert_allclose(
        grid.to_world((-0.5, -0.5, -0.5)), GRID.to_world((2.5, 9.5, -0.5)), atol=1e-9
    )


def test_no_axis_is_made_finer():
    volume = np.zeros((5, 40, 40), np.int16)
    thick = Geometry.build((0, 0, 0), (1, 1, 8), np.eye(3), volume.shape)
    coarse, _ = averaged(volume, thick, (slice(0, 5), slice(0, 40), slice(0, 40)), 4.0)
    assert coarse.shape == (5, 10, 10)
