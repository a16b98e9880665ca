"""Voxel and world: exact on any header, equal to ITK, unchanged by reorientation."""

import cv2
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nodules.images.geometry import Geometry

coordinates = st.floats(-800, 800)
FLIPS = [np.diag(s) for s in ([1, 1, 1], [-1, -1, 1], [1, 1, -1], [-1, 1, 1])]
PERMUTED = np.eye(3)[:, [1, 2, 0]]


@st.composite
def grids(draw, oblique=True, largest=40):
    """A grid with any flip, permutation and (where asked) rotation."""
    direction = np.eye(3)[:, draw(st.permutations(range(3)))]
    direction = direction * draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    if oblique:
        angles = draw(st.tuples(*[st.floats(-20, 20)] * 3))
        direction = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ direction
    origin = draw(st.tuples(*[coordinates] * 3))
    spacing = draw(st.tuples(*[st.floats(0.4, 5)] * 3))
    shape = draw(st.tuples(*[st.integers(1, largest)] * 3))
    return Geometry.build(origin, spacing, direction, shape)


def itk_image(grid: Geometry) -> sitk.Image:
    image = sitk.Image(*grid.shape[::-1], sitk.sitkUInt8)
    image.SetOrigin(grid.origin.tolist())
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image


@given(grids(), st.tuples(*[coordinates] * 3))
def test_world_to_index_and_back_is_exact(grid, world):
    back = grid.to_world(grid.to_index(world))
    np.testing.assert_allclose(back, world, rtol=0, atol=1e-6)


@given(grids(), st.tuples(*[st.floats(-50, 600)] * 3))
def test_world_points_are_those_of_itk(grid, index):
    expected = itk_image(grid).TransformContinuousIndexToPhysicalPoint(index[::-1])
    np.testing.assert_allclose(grid.to_world(index), expected, rtol=0, atol=1e-6)


@given(grids(), st.tuples(*[st.integers(1, 7)] * 3))
def test_a_thinned_grid_has_the_voxels_of_a_thinned_array(grid, steps):
    z, y, x = np.indices(grid.shape)[(slice(None), *(slice(None, None, n) for n in steps))]
    thin = grid.thinned(steps)
    assert thin.shape == z.shape
    expected = grid.to_world(np.stack([z, y, x], -1))
    found = thin.to_world(np.moveaxis(np.indices(thin.shape), 0, -1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@given(grids())
def test_many_points_at_once_equal_each_alone(grid):
    index = np.arange(24.0).reshape(2, 4, 3)
    together = grid.to_world(index)
    assert together.shape == (2, 4, 3)
    np.testing.assert_allclose(together[1, 2], grid.to_world(index[1, 2]), atol=1e-9)


@given(grids(largest=6))
def test_reorientation_moves_no_voxel_in_the_world(grid):
    native, permutation, (fz, fy, fx) = grid.reoriented()
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    world = grid.to_world(index).transpose(*permutation, 3)[::fz, ::fy, ::fx]
    assert native.shape == world.shape[:3]
    expected = native.to_world(np.moveaxis(np.indices(native.shape), 0, -1))
    np.testing.assert_allclose(world, expected, atol=1e-6)


@given(grids())
def test_reoriented_axes_point_to_the_patients_left_back_and_head(grid):
    native, _, _ = grid.reoriented()
    assert np.all(np.diag(native.direction) > 0.5)
    again, permutation, flips = native.reoriented()
    assert (permutation, flips) == ((0, 1, 2), (1, 1, 1))
    np.testing.assert_allclose(again.origin, native.origin)


@pytest.mark.parametrize("direction", [*FLIPS, PERMUTED])
def test_reorientation_agrees_with_itk(direction):
    grid = Geometry.build((10, -20, 30), (0.7, 0.8, 2.5), direction, (4, 5, 6))
    array = np.arange(120, dtype=np.uint8).reshape(4, 5, 6)
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(itk_image(grid))
    expected = sitk.DICOMOrient(image, "LPS")
    native, permutation, (fz, fy, fx) = grid.reoriented()
    turned = array.transpose(permutation)[::fz, ::fy, ::fx]
    np.testing.assert_array_equal(turned, sitk.GetArrayFromImage(expected))
    np.testing.assert_allclose(native.origin, expected.GetOrigin())
    np.testing.assert_allclose(native.spacing, expected.GetSpacing())


@given(grids(), st.tuples(*[st.integers(-5, 20)] * 3), st.tuples(*[st.integers(1, 30)] * 3))
def test_a_resampled_box_keeps_its_outer_faces(grid, corner, extent):
    small = grid.resampled(corner, extent, (7, 16, 12))
    faces = np.array([[-0.5] * 3, np.array(small.shape) - 0.5])
    expected = grid.to_world(np.array([corner, np.add(corner, extent)]) - 0.5)
    np.testing.assert_allclose(small.to_world(faces), expected, atol=1e-6)


@pytest.mark.parametrize("size", [12, 31, 64])
def test_resampled_pixels_lie_where_opencv_resize_puts_them(size):
    """A ramp of world x, resized by OpenCV, shows at each pixel that pixel's world x."""
    grid = Geometry.build((-100, -50, 0), (0.75, 0.75, 1), np.eye(3), (1, 20, 32))
    ramp = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))[0, :, :, 0]
    shown = cv2.resize(ramp, (size, 20), interpolation=cv2.INTER_LINEAR)[5]
    small = grid.resampled((0, 0, 0), grid.shape, (1, 20, size))
    world = small.to_world([(0, 5, x) for x in range(size)])[:, 0]
    inside = (world > ramp[0, 0]) & (world < ramp[0, -1])  # OpenCV repeats the outermost pixels
    assert inside.sum() >= size - 4
    np.testing.assert_allclose(shown[inside], world[inside], atol=1e-3)


@given(grids())
def test_a_table_row_gives_the_same_grid(grid):
    again = Geometry.from_row(grid.to_row())
    assert again.to_row() == grid.to_row()


@given(grids())
def test_voxels_fill_the_volume(grid):
    assert grid.voxel_mm3 == pytest.approx(np.prod(grid.spacing))
    assert np.array_equal(grid.spacing_zyx, grid.spacing[::-1])


@given(grids())
def test_a_grid_contains_its_voxels_to_their_faces_and_nothing_beyond(grid):
    last = np.array(grid.shape) - 1
    assert grid.encloses(grid.to_world([(0, 0, 0), last, last + 0.49, (-0.49,) * 3])).all()
    assert not grid.encloses(grid.to_world([last + 0.51, (-0.51, 0, 0)])).any()
