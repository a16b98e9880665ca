"""Volumes of equal steps: which box, which grey, and above all that no place moves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from nodules.base import tables
from nodules.base.files import UserError, write_array
from nodules.images.geometry import Geometry
from nodules.prepare import volumes
from nodules.prepare.volume_cut import VolumeSettings, cut, lung_box
from nodules.prepare.volumes import LUNG_STEP, Volume

SETTINGS = VolumeSettings(1.0, (-1000, 400), 10)
ORIGIN = (-31.5, 12.25, -207.0)


def grid(shape, spacing):
    return Geometry.build(ORIGIN, spacing, np.eye(3), shape)


def chest(geometry, margin=4):
    """A mask of lung in the middle of a scan."""
    mask = np.zeros(geometry.shape, np.uint8)
    mask[tuple(slice(margin, n - margin) for n in geometry.shape)] = 1
    return mask


def ball(geometry, centre, radius_mm):
    """HU of a ball of tissue in air, with an edge a voxel wide, so that its centre is exact."""
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    far = np.linalg.norm(geometry.to_world(index) - centre, axis=-1)
    return np.int16(-1000 + 1000 * np.clip(radius_mm - far + 0.5, 0, 1))


def test_the_box_is_the_lungs_and_their_margin_within_the_scan():
    geometry = grid((30, 40, 50), (0.5, 1.0, 2.0))  # x, y, z
    mask = np.zeros(geometry.shape, np.uint8)
    mask[10:20, 15:30, 22:24] = 1
    first, size = lung_box(mask, geometry, 10)
    assert first == (5, 5, 2) and size == (20, 35, 42)
    assert lung_box(mask, geometry, 1000) == ((0, 0, 0), geometry.shape)


def test_without_lungs_the_whole_scan_is_kept():
    geometry = grid((10, 20, 20), (1, 1, 1))
    made = cut(np.zeros(geometry.shape, np.int16), geometry, chest(geometry, 9), SETTINGS)
    assert made.grey.shape == geometry.shape and made.lung.all()


@given(
    st.tuples(*[st.floats(0.45, 1.0)] * 2, st.floats(0.6, 2.5)),
    st.floats(0.8, 2.0),
    st.tuples(*[st.floats(-6, 6)] * 3),
)
@settings(max_examples=25, deadline=None)
def test_what_lies_at_a_place_in_the_scan_lies_there_in_its_volume(spacing, step, off):
    """The ball's centre of mass, in mm: to a tenth of a voxel of the coarser of the two grids."""
    shape = tuple(round(48 / mm) for mm in spacing[::-1])
    geometry = grid(shape, spacing)
    centre = geometry.to_world((np.array(shape) - 1) / 2) + off
    made = cut(
        ball(geometry, centre, 7), geometry, chest(geometry), VolumeSettings(step, (-1000, 0), 20)
    )
    seen = made.grid.to_world(ndimage.center_of_mass(made.grey.astype(float)))
    assert np.abs(seen - centre).max() < 0.1 * max(step, *spacing)


@given(st.tuples(*[st.floats(0.45, 1.0)] * 2, st.floats(0.6, 5)), st.floats(0.8, 2.0))
@settings(max_examples=25, deadline=None)
def test_steps_are_those_asked_for_to_half_a_voxel_over_a_side(spacing, step):
    geometry = grid(tuple(round(100 / mm) for mm in spacing[::-1]), spacing)
    volume = np.full(geometry.shape, -300, np.int16)
    made = cut(volume, geometry, chest(geometry), VolumeSettings(step, (-1000, 400), 0))
    off = np.abs(made.grid.spacing_zyx - step) * made.grey.shape
    assert (off <= step / 2 + 1e-9).all()
    assert (made.grey == 127).all() or (made.grey == 128).all()  # 700 of 1400 HU
    outer = geometry.to_world(np.full(3, -0.5))
    box, _ = lung_box(chest(geometry), geometry, 0)
    assert np.allclose(made.grid.to_world(np.full(3, -0.5)), outer + geometry.spacing * box[::-1])


def test_a_voxel_of_the_lung_mask_stands_for_the_volume_s_voxel_in_its_middle():
    geometry = grid((40, 40, 40), (1, 1, 1))
    mask = np.zeros(geometry.shape, np.uint8)
    mask[:, :, :20] = 1
    made = cut(np.zeros(geometry.shape, np.int16), geometry, mask, SETTINGS)
    x = np.arange(LUNG_STEP // 2, made.grey.shape[2], LUNG_STEP)
    assert (made.lung == (x < 20)).all()


def test_a_stored_volume_is_opened_without_reading_and_checked(tmp_path):
    geometry = grid((12, 16, 20), (1, 1, 1))
    made = cut(np.zeros(geometry.shape, np.int16), geometry, chest(geometry), SETTINGS)
    paths = [tmp_path / name for name in ("a.npy", "a_lung.npy", "a.parquet")]
    write_array(paths[0], made.grey)
    write_array(paths[1], made.lung)
    tables.write(paths[2], "volumes", volumes.describe("a", geometry, made.grid))
    opened = Volume("a", *paths)
    assert isinstance(opened.array.base, np.memmap) and np.array_equal(opened.array, made.grey)
    assert np.array_equal(opened.lung, made.lung)
    assert opened.native.shape == geometry.shape and opened.grid.shape == made.grey.shape
    write_array(paths[1], made.lung[1:])
    with pytest.raises(UserError, match=r"a_lung\.npy: uint8 .* but its table says .* Delete both"):
        _ = Volume("a", *paths).lung
