"""Boxes of a volume, and masks on another grid: nothing moves and nothing grows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nodules.findings.size import sphere_diameter
from nodules.images.geometry import Geometry
from nodules.images.spheres import sphere
from nodules.prepare import cubes


@given(st.tuples(*[st.integers(-9, 9)] * 3), st.integers(1, 8))
def test_a_cube_is_the_padded_volume_s(corner, side):
    volume = np.random.default_rng(0).integers(0, 255, (6, 7, 8)).astype(np.uint8)
    padded = np.pad(volume, 20)
    z, y, x = np.array(corner) + 20
    expected = padded[z : z + side, y : y + side, x : x + side]
    assert np.array_equal(cubes.cube(volume, corner, (side,) * 3), expected)


def test_the_middle_of_a_cube_is_at_most_half_a_voxel_off():
    assert cubes.corner_around((10.2, 10.0, 9.9), 5) == (8, 8, 8)
    assert cubes.corner_around((10.5, 10.5, 10.5), 4) == (9, 9, 9)


@given(
    st.tuples(*[st.floats(0.5, 1.2)] * 2, st.floats(0.6, 2.5)),
    st.floats(10, 20),
    st.tuples(*[st.floats(-3, 3)] * 3),
)
@settings(max_examples=30, deadline=None)
def test_a_sphere_keeps_its_centre_and_size_on_another_grid(spacing, diameter, off):
    one = Geometry.build((-20, -20, -20), (1, 1, 1), np.eye(3), (41, 41, 41))
    shape = tuple(round(41 / mm) for mm in spacing[::-1])
    other = Geometry.build((-20.2, -19.7, -20.1), spacing, np.eye(3), shape)
    mask, corner = cubes.moved_mask(sphere(one, off, diameter), one, other)
    centre = other.to_world(np.argwhere(mask).mean(axis=0) + corner)
    # Of few thick slices a mask's centre cannot be exact; half a voxel too far would be seen.
    assert np.abs(centre - off).max() < 0.27 + 0.1 * max(spacing)
    found = sphere_diameter(mask.sum() * other.voxel_mm3)
    assert abs(found / diameter - 1) < 0.08


def test_values_fall_to_zero_outside_their_box():
    one = Geometry.build((0, 0, 0), (1, 1, 1), np.eye(3), (20, 20, 20))
    half = Geometry.build((0, 0, 0), (0.5, 0.5, 0.5), np.eye(3), (40, 40, 40))
    values, corner = cubes.moved(np.ones((2, 2, 2), np.float32), (5, 5, 5), one, half)
    z, y, x = np.array([12, 12, 12]) - corner  # the last voxel of the box, world 6
    assert values[z : z + 3, y, x].tolist() == [1, 0.5, 0]


@given(
    corner=st.tuples(*[st.integers(-20, 25)] * 3),
    sides=st.tuples(*[st.integers(8, 24)] * 3),
    shape=st.tuples(*[st.integers(5, 16)] * 3),
    seed=st.integers(0, 99),
)
def test_a_mask_is_resized_as_its_whole_cube_is(corner, sides, shape, seed):
    """Though most of the cube, in which nothing is, is left out."""
    mask = np.random.default_rng(seed).random((7, 9, 11)) < 0.3
    first = (3, -2, 4)
    whole = cubes.cube(mask, np.subtract(corner, first), sides) * np.uint8(255)
    found = cubes.resized_mask((mask, first), corner, sides, shape)
    assert np.array_equal(found, cubes.resized(whole, shape) >= 128)


def test_a_box_that_lies_beyond_a_grid_has_no_part_on_it():
    for corner in ((-9, 2, 2), (2, 50, 2), (2, 2, -4)):
        there, here = cubes.intersection(corner, (4, 4, 4), (10, 10, 10))
        assert np.zeros((10, 10, 10))[there].size == np.zeros((4, 4, 4))[here].size == 0
    there, here = cubes.intersection((-1, 4, 8), (4, 4, 4), (10, 10, 10))
    assert there == (slice(0, 3), slice(4, 8), slice(8, 10))
    assert here == (slice(1, 4), slice(0, 4), slice(0, 2))
