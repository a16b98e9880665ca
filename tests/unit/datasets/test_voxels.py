"""One pass over a voxel file tells what NumPy and hashlib tell of the whole of it."""

import hashlib

import numpy as np
import pytest
import SimpleITK as sitk

from nodules.datasets import labels
from nodules.datasets.voxels import Thinned, as_int16, labelled, survey
from nodules.images.metaimage import read_volume
from nodules.images.metaimage_header import read_header

VALUES = np.random.default_rng(3).integers(-3000, 3000, (5, 40, 30))


def stored(folder, values, name="1.2", compressed=False):
    path = folder / f"{name}.mhd"
    sitk.WriteImage(sitk.GetImageFromArray(values), str(path), useCompression=compressed)
    return read_header(path)


@pytest.mark.parametrize("kind", ["i2", "u2", "i4", "f4", "f8"])
@pytest.mark.parametrize("block", [8 << 20, 101])
def test_range_counts_and_hash(tmp_path, monkeypatch, kind, block):
    monkeypatch.setattr("nodules.images.metaimage.BLOCK", block)  # blocks end within voxels
    values = VALUES.astype(kind)
    voxels = survey(stored(tmp_path, values))
    assert (voxels.low, voxels.high) == (values.min(), values.max())
    bits = values.view("i2").astype(int) if kind == "u2" else VALUES
    assert (voxels.counts == np.bincount(bits.ravel() + 32768, minlength=65536)).all()
    assert voxels.sha256 == hashlib.sha256((tmp_path / "1.2.raw").read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", ["i2", "i4"])
@pytest.mark.parametrize("compressed", [False, True], ids=["raw", "zraw"])
@pytest.mark.parametrize("direction", [(1, 0, 0, 0, 1, 0, 0, 0, 1), (0, -1, 0, 0, 0, 1, -1, 0, 0)])
@pytest.mark.parametrize("mm", [(0.1, 0.1, 0.1), (2.2, 3.1, 1.9), (1e3, 1e3, 1e3)])
def test_thinned_voxels_are_those_of_the_volume_at_their_places(
    tmp_path, monkeypatch, kind, compressed, direction, mm
):
    monkeypatch.setattr("nodules.images.metaimage.BLOCK", 1001)  # blocks end within planes
    image = sitk.GetImageFromArray(VALUES.astype(kind))
    image.SetDirection(direction)
    sitk.WriteImage(image, str(tmp_path / "1.2.mhd"), useCompression=compressed)
    header = read_header(tmp_path / "1.2.mhd")
    thinned = Thinned(header.geometry, mm)
    survey(header, thinned)
    thin, grid = thinned.volume()
    whole, native = read_volume(tmp_path / "1.2.mhd")
    world = grid.to_world(np.moveaxis(np.indices(thin.shape), 0, -1))
    index = np.rint(native.to_index(world)).astype(int)
    assert np.array_equal(thin, whole[tuple(np.moveaxis(index, -1, 0))])
    assert thin.shape == grid.shape and (thin.size == whole.size) == (mm[0] < 1)


def test_big_endian_values_are_counted_as_they_are(tmp_path):
    header = stored(tmp_path, VALUES.astype("i2"))
    (tmp_path / "1.2.raw").write_bytes(VALUES.astype(">i2").tobytes())
    text = header.path.read_text().replace("MSB = False", "MSB = True")
    expected = survey(stored(tmp_path, VALUES.astype("i2"), "1.3")).identity
    header.path.write_text(text)
    assert survey(read_header(header.path)).identity == expected


def test_identity_is_of_the_values_alone(tmp_path):
    one = survey(stored(tmp_path, VALUES.astype("i2"), "1"))
    for name, kind, compressed in (("2", "i2", True), ("3", "f4", False), ("4", "i4", True)):
        assert survey(stored(tmp_path, VALUES.astype(kind), name, compressed)).identity == (
            one.identity
        )
    turned = survey(stored(tmp_path, VALUES[::-1].astype("i2"), "5")).identity
    assert turned.content == one.identity.content and turned.order != one.identity.order
    other = VALUES.astype("i2")
    other[0, 0, 0] += 1
    assert survey(stored(tmp_path, other, "6")).identity.content != one.identity.content


def test_what_is_no_number_has_no_range(tmp_path):
    values = VALUES.astype("f4")
    values[1, 2, 3] = np.nan
    voxels = survey(stored(tmp_path, values))
    assert np.isnan(voxels.low) and not voxels.is_int16
    assert voxels.columns()["hu_min"] is None


def test_values_are_rounded_and_clipped():
    assert as_int16(np.array([1.4, 1e9, -1e9, np.nan])).tolist() == [1, 32767, -32768, 0]


def test_labelled_voxels_are_those_above_0(tmp_path):
    values = np.zeros((4, 6, 5), "u1")
    values[1, 2, 3], values[3, 0, 0] = 7, 2
    low, high, found = labelled(stored(tmp_path, values))
    assert (low, high) == (0, 7)
    assert found.index.tolist() == [[1, 2, 3], [3, 0, 0]] and found.label.tolist() == [7, 2]


@pytest.mark.parametrize("block", [8 << 20, 101])
def test_a_volume_full_of_labels_holds_no_nodules(tmp_path, monkeypatch, block):
    monkeypatch.setattr("nodules.images.metaimage.BLOCK", block)
    values = (np.arange(10_000).reshape(10, 20, 50) % 1000 < 1000 * labels.MOST).astype("u1")
    assert labelled(stored(tmp_path, values))[2] is not None
    values[-1, -1, -1] = 1
    assert labelled(stored(tmp_path, values))[2] is None


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("block", [8 << 20, 101, 2400])
def test_planes_of_zeros_and_planes_again_are_counted(tmp_path, monkeypatch, block, compressed):
    monkeypatch.setattr("nodules.images.metaimage.BLOCK", block)  # blocks end within planes
    values = np.concatenate([VALUES[[0, 1, 1, 2]], np.zeros((3, 40, 30)), VALUES[3:]]).astype("i2")
    planes = survey(stored(tmp_path, values, compressed=compressed)).planes
    assert (planes.total, planes.empty, planes.again) == (9, 3, 1)


def test_padding_is_no_plane_again(tmp_path):
    values = np.concatenate([VALUES[:2], np.full((3, 40, 30), -2048)]).astype("i2")
    planes = survey(stored(tmp_path, values)).planes
    assert (planes.total, planes.empty, planes.again) == (5, 0, 0)
