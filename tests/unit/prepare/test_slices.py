"""Stored slices: grey levels, crop boxes, and above all where each pixel lies in the patient."""

import cv2
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from nodules.base import tables
from nodules.images.geometry import Geometry
from nodules.images.metaimage import read_volume
from nodules.prepare import lungs, slices

SETTINGS = slices.SliceSettings(128, (-1000, 400), 10, isolate=False, fill=170)
SPACING = (0.8, 0.8, 2.0)


def grid(shape, spacing=SPACING, direction=None, origin=(-31.5, 12.25, -207.0)):
    return Geometry.build(origin, spacing, np.eye(3) if direction is None else direction, shape)


def lung_box(geometry, rows, cols):
    mask = np.zeros(geometry.shape, np.uint8)
    mask[:, slice(*rows), slice(*cols)] = 1
    return mask


def centroid(stack, level):
    """Intensity-weighted centre (z, y, x) of what is brighter than `level`."""
    return np.array(ndimage.center_of_mass(np.maximum(stack.astype(float) - level, 0)))


def nodule_rows(points, diameters):
    table = pd.DataFrame(np.reshape(points, (-1, 3)), columns=["x", "y", "z"])
    return table.assign(nodule=range(1, len(table) + 1), diameter_mm=diameters)


# Grey levels


@given(st.integers(-1500, -200), st.integers(1, 3000))
def test_window_rounds_to_the_nearest_grey(low, width):
    hu = np.arange(-32768, 32768).astype(np.int16).reshape(256, 256)
    exact = (np.clip(hu.astype(float), low, low + width) - low) * 255 / width
    grey = slices.window(hu, (low, low + width))
    assert grey.dtype == np.uint8
    assert abs(grey - exact).max() <= 0.5 + 1e-3  # at a tie either neighbour will do
    assert grey.min() == 0 and grey.max() == 255


# Crop box


def test_crop_is_a_square_in_mm_around_lungs_and_margin():
    geometry = grid((4, 100, 120), (0.5, 0.8, 2.0))
    crop = slices.crop_box(lung_box(geometry, (40, 60), (30, 80)), geometry, 5)
    # 50 columns of 0.5 mm are the longer side: 25 mm and 5 on each side.
    assert (crop.width, crop.height) == (70, 44)
    assert (crop.x0, crop.y0) == (20, 28)


def test_crop_may_reach_beyond_the_volume():
    geometry = grid((3, 50, 60), (1.0, 1.0, 2.0))
    crop = slices.crop_box(lung_box(geometry, (0, 50), (10, 30)), geometry, 10)
    assert crop == (-10, -15, 70, 70)


def test_without_lungs_the_crop_is_the_whole_image():
    geometry = grid((3, 50, 60), (1.0, 1.0, 2.0))
    crop = slices.crop_box(np.zeros(geometry.shape, np.uint8), geometry, 10)
    assert crop == (-5, 0, 60, 60)
    volume = np.full(geometry.shape, 40, np.int16)
    settings = slices.SliceSettings(64, (-1000, 400), 10, isolate=True, fill=170)
    stack, _, _ = slices.cut(volume, geometry, np.zeros(geometry.shape, np.uint8), settings)
    assert (stack[:, 10:54] == round(1040 / 1400 * 255)).all()
    assert (stack[:, :4] == 0).all()  # beyond the volume: the window's floor


def test_isolate_paints_what_is_far_from_the_lungs():
    geometry = grid((20, 120, 120), (1.0, 1.0, 2.5))
    mask = np.zeros(geometry.shape, np.uint8)
    mask[5:10, 40:70, 50:80] = 1
    volume = np.full(geometry.shape, -1000, np.int16)
    settings = slices.SliceSettings(64, (-1000, 400), 10, isolate=True, fill=170)
    stack, stored, _ = slices.cut(volume, geometry, mask, settings)
    world = stored.to_world(np.moveaxis(np.indices(stored.shape), 0, -1))
    index = np.rint(geometry.to_index(world)).astype(int)
    far = ndimage.distance_transform_edt(mask == 0, sampling=geometry.spacing_zyx)
    distance = far[tuple(np.moveaxis(np.clip(index, 0, np.array(mask.shape) - 1), -1, 0))]
    assert (stack[distance < 7.5] == 0).all()
    assert (stack[distance > 13] == 170).all()
    assert (stack[0] == 170).all() and (stack[2] != 170).any()  # the margin is a ball's


# Where a pixel lies

DIRECTIONS = {
    "identity": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "feet last": np.diag([1.0, 1.0, -1.0]),
    "permuted": np.array([[0.0, 1, 0], [0, 0, -1], [1, 0, 0]]),
    "oblique": sitk.VersorTransform((0.2, -0.3, 1.0), 0.2).GetMatrix(),
}


@pytest.mark.parametrize("name", DIRECTIONS)
@pytest.mark.parametrize("size", [128, 64, 256])
@pytest.mark.parametrize("spacing", [SPACING, (0.9, 0.7, 1.3)])
def test_ball_is_found_at_its_world_place(tmp_path, name, size, spacing):
    stored = grid((44, 90, 84), spacing, DIRECTIONS[name])
    centre = stored.to_world((21.3, 47.6, 38.2))
    points = stored.to_world(np.moveaxis(np.indices(stored.shape), 0, -1))
    distance = np.linalg.norm(points - centre, axis=-1)
    # A ball of 6 mm radius with the soft edge that a scanner gives it.
    hu = np.rint(-850 + 890 * np.clip(6.5 - distance, 0, 1)).astype(np.int16)
    image = sitk.GetImageFromArray(hu)
    image.SetOrigin(stored.origin)
    image.SetSpacing(stored.spacing)
    image.SetDirection(stored.direction.ravel())
    sitk.WriteImage(image, str(tmp_path / "scan.mhd"))

    volume, geometry = read_volume(tmp_path / "scan.mhd")
    index = np.rint(geometry.to_index(centre)).astype(int)
    mask = np.zeros(volume.shape, np.uint8)
    mask[:, max(index[1] - 12, 0) : index[1] + 9, max(index[2] - 10, 0) : index[2] + 12] = 1
    settings = slices.SliceSettings(size, (-1000, 400), 10, isolate=False, fill=170)
    stack, found, _ = slices.cut(volume, geometry, mask, settings)
    seen = found.to_world(centroid(stack, 60))
    assert found.shape == stack.shape == (len(volume), size, size)
    assert abs(found.to_index(seen) - found.to_index(centre)).max() < 0.1


@given(st.floats(-0.9, 0.9), st.integers(-40, 90), st.integers(-40, 90), st.integers(2, 140))
def test_grid_maps_the_corners_of_the_crop_box(tilt, y0, x0, side):
    turn = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
    geometry = grid((7, 80, 80), direction=turn)
    stored = geometry.resampled((0, y0, x0), (7, side, side), (7, 128, 128))
    for z in (0, 6):
        np.testing.assert_allclose(
            stored.to_world((z, -0.5, -0.5)), geometry.to_world((z, y0 - 0.5, x0 - 0.5)), atol=1e-9
        )
        np.testing.assert_allclose(
            stored.to_world((z, 127.5, 127.5)),
            geometry.to_world((z, y0 + side - 0.5, x0 + side - 0.5)),
            atol=1e-9,
        )


@pytest.mark.parametrize("size", [64, 128])
def test_stack_equals_simpleitk_on_the_same_grid(size):
    geometry = grid((6, 100, 100), direction=np.diag([-1.0, 1.0, 1.0]))
    noise = np.random.default_rng(1).normal(0, 1, geometry.shape)
    hu = -400 + 3000 * ndimage.gaussian_filter(noise, (0, 4, 4))
    volume = np.rint(hu).astype(np.int16)
    mask = lung_box(geometry, (20, 70), (25, 75))
    settings = slices.SliceSettings(size, (-1000, 400), 10, isolate=False, fill=170)
    stack, stored, _ = slices.cut(volume, geometry, mask, settings)
    expected = resampled_by_simpleitk(volume, geometry, stored)
    inner = np.s_[:, 2:-2, 2:-2]
    assert abs(stack[inner].astype(float) - grey(expected)[inner]).mean() < 0.8


def resampled_by_simpleitk(volume, geometry, target):
    """HU of `volume` at the pixel centres of `target`, by ITK's linear interpolation."""
    image = sitk.GetImageFromArray(volume.astype(np.float32))
    image.SetOrigin(geometry.origin)
    image.SetSpacing(geometry.spacing)
    image.SetDirection(geometry.direction.ravel())
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(target.shape[::-1])
    resampler.SetOutputOrigin(target.origin)
    resampler.SetOutputSpacing(target.spacing)
    resampler.SetOutputDirection(target.direction.ravel())
    resampler.SetDefaultPixelValue(-1000)
    resampler.SetNumberOfThreads(1)
    return sitk.GetArrayFromImage(resampler.Execute(image))


def grey(hu):
    return (np.clip(hu.astype(float), -1000, 400) + 1000) * 255 / 1400


# Table


def test_table_gives_each_slice_its_place():
    geometry = grid((30, 80, 80))
    mask = lung_box(geometry, (20, 60), (10, 70))
    _, stored, crop = slices.cut(np.zeros(geometry.shape, np.int16), geometry, mask, SETTINGS)
    table = slices.describe("1.2.3", geometry, mask, stored, crop)
    tables.frame("slices", table)
    assert list(table["slice"]) == list(range(30))
    np.testing.assert_allclose(table["z_mm"], -207.0 + 2.0 * np.arange(30))
    np.testing.assert_allclose(table["lung_mm2"], 40 * 60 * 0.64)
    assert table["mm_per_px"][0] == pytest.approx(68 / 128)
    read_back = Geometry.from_row(table.iloc[3])
    np.testing.assert_array_equal(read_back.axes, stored.axes)
    assert read_back.shape == stored.shape


@pytest.mark.parametrize("names", [[1], [0, 1, 2]])
def test_pngs_hold_the_slices(tmp_path, names):
    stack = np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8)
    slices.write_pngs(tmp_path / "png", stack, names)
    files = sorted((tmp_path / "png").iterdir())
    assert [file.name for file in files] == [f"slice_{z:04d}.png" for z in names]
    for z, file in zip(names, files, strict=True):
        np.testing.assert_array_equal(cv2.imread(str(file), cv2.IMREAD_UNCHANGED), stack[z])


# Real scans


@pytest.mark.real
@pytest.mark.parametrize("method", lungs.METHODS)
def test_real_nodules_lie_where_the_annotations_say(shared_data, method):
    """The stored pixels are laid over ITK's resampling of the scan, then over the annotation.

    The shift between stack and ITK, by the phase of their spectra, is by how much a stored pixel
    is misplaced. The centre of the readers' outlines, carried to the stack by ITK, has to be that
    of annotations.csv, which was derived from outlines too, but per reader, not from the majority.
    """
    data = shared_data / "data"
    annotations = pd.read_csv(data / "luna16" / "annotations.csv")
    settings = slices.SliceSettings(512, (-1000, 400), 10, isolate=True, fill=170)
    checked = 0
    for header in sorted((data / "luna16").glob("subset*/*.mhd")):
        volume, geometry = read_volume(header)
        labels, _ = read_volume(data / "nodule_labels" / f"{header.stem}_nodule_labels.mhd")
        mask = lungs.find(method, volume, geometry)
        stack, stored, _ = slices.cut(volume, geometry, mask, settings)
        seen = annotations[annotations["seriesuid"] == header.stem]
        for point in seen[["coordX", "coordY", "coordZ"]].to_numpy():
            corner = np.rint(stored.to_index(point)).astype(int) - (6, 48, 48)
            around = stored.resampled(corner, (13, 96, 96), (13, 96, 96))
            part = stack[tuple(slice(c, c + n) for c, n in zip(corner, around.shape, strict=True))]
            itk = grey(resampled_by_simpleitk(volume, geometry, around))
            middle = np.s_[6, 24:72, 24:72]
            shift, _ = cv2.phaseCorrelate(itk[middle], part[middle].astype(float))
            assert max(map(abs, shift)) < 0.1
            number = labels[tuple(np.rint(geometry.to_index(point)).astype(int))]
            outline = resampled_by_simpleitk(labels == number, geometry, around).clip(0)
            assert number > 0
            error = np.array(ndimage.center_of_mass(outline)) - around.to_index(point)
            assert abs(error).max() < 0.5
            checked += 1
    assert checked == 4
