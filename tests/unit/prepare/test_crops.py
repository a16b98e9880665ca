"""Crops lie where they should, at a physical scale that does not depend on the pixels."""

import numpy as np
import pytest

from helpers.builders import make_stack
from nodules.base import tables
from nodules.images import regions
from nodules.prepare.crops import Place, View, crop, place_at, places_of, random_view

NODULE = ((5, 30, 20), 6)


@pytest.fixture
def stack(tmp_path):
    return make_stack(tmp_path, nodules=[NODULE])


def centroid(image):
    return np.argwhere(image > 150).mean(axis=0)


def test_a_nodule_stands_in_the_middle_of_its_crop(stack):
    image = crop(stack, Place(5, 30, 20), side_mm=32, side_px=64)
    assert image.shape == (3, 64, 64)
    assert np.allclose(centroid(image[1]), 31.5, atol=0.3)


def test_scale_is_physical(stack):
    small = crop(stack, Place(5, 30, 20), side_mm=32, side_px=32)[1]
    large = crop(stack, Place(5, 30, 20), side_mm=32, side_px=64)[1]
    assert (large > 150).sum() / (small > 150).sum() == pytest.approx(4, rel=0.1)
    assert (small > 150).sum() == pytest.approx(np.pi * 36, rel=0.1)  # mm^2 at 1 mm a pixel


def test_channels_are_the_neighbouring_slices(stack):
    image = crop(stack, Place(5, 31.5, 31.5), side_mm=64, side_px=64)
    assert np.array_equal(image, stack.array[4:7])
    ends = crop(stack, Place(0, 31.5, 31.5), side_mm=64, side_px=64)
    assert np.array_equal(ends[0], ends[1])


def test_views_keep_the_centre_and_shift_by_mm(stack):
    turned = crop(stack, Place(5, 30, 20), 32, 64, View(mirror=True, angle=1.0, scale=1.05))
    assert np.allclose(centroid(turned[1]), 31.5, atol=0.4)
    shifted = crop(stack, Place(5, 30, 20), 32, 64, View(shift=(3.0, 0.0)))
    assert np.allclose(centroid(shifted[1]), (31.5 - 6, 31.5), atol=0.4)


def test_outside_the_slice_is_black(stack):
    image = crop(stack, Place(5, 0, 0), 32, 32)[1]
    assert (image[:15, :15] == 0).all() and (image[18:, 18:] > 0).all()


def test_random_views_stay_within_their_limits():
    rng = np.random.default_rng(0)
    views = [random_view(rng, 3.0) for _ in range(200)]
    assert all(0.9 <= v.scale <= 1.1 and max(map(abs, v.shift)) <= 3 for v in views)
    assert {v.mirror for v in views} == {True, False}


def test_places_run_through_a_region(stack):
    rows = regions.select(tables.read(stack.masks_path, "regions"), "readers", "slices")
    places = places_of(rows, 3)
    assert [p.z for p in places] == [2, 5, 8]
    assert all(np.allclose((p.y, p.x), (30, 20), atol=0.51) for p in places)


def test_world_points_outside_have_no_place(stack):
    assert place_at(stack.geometry, (1e4, 0, 0)) is None
    inside = place_at(stack.geometry, tuple(stack.geometry.to_world((5, 30, 20))))
    assert inside == Place(5, pytest.approx(30), pytest.approx(20))
