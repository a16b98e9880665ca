"""Balls on the coarse grid: in mm, whatever the spacing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from nodules.prepare import coarse_grid


@given(st.integers(0, 2**32 - 1), st.floats(2, 9), st.sampled_from([(2.5, 2.0), (1.0, 2.0)]))
def test_dilate_is_a_ball_in_mm(seed, radius, spacing):
    mask = np.random.default_rng(seed).random((9, 21, 23)) > 0.998
    sampling = (spacing[0], spacing[1], spacing[1])
    near = coarse_grid.dilate(mask, spacing, radius)
    if not mask.any():
        assert not near.any()
        return
    distance = ndimage.distance_transform_edt(~mask, sampling=sampling)
    assert near[distance <= 0.97 * radius].all()
    assert not near[distance > 1.03 * radius].any()


def test_close_fills_what_the_ball_cannot_enter():
    mask = np.ones((9, 40, 60), np.bool_)
    mask[:, 10:, 10:14] = False  # a cleft of 8 mm, open below
    mask[:, 10:, 30:50] = False  # a bay of 40 mm
    closed = coarse_grid.close(mask, (2.5, 2.0), 6.0)
    assert closed[mask].all()
    assert closed[:, 12:34, 10:14].all()  # the mouth of the cleft is the ball's
    assert not closed[:, 20:, 34:46].any()
