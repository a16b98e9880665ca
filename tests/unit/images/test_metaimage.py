"""Volumes against SimpleITK: where each voxel lies, and what a defective file is told."""

import itertools
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from nodules.base.files import UserError
from nodules.images import metaimage
from nodules.images.metaimage import read_volume
from nodules.images.metaimage_header import examine, read_header

# Turned by 20 degrees about x, then 10 about z: nearest to the identity, but nowhere equal to it.
OBLIQUE = np.array(sitk.Euler3DTransform((0, 0, 0), 0.35, 0.0, 0.17).GetMatrix()).reshape(3, 3)
PERMUTATIONS = [np.eye(3)[list(order)] for order in itertools.permutations(range(3))]
FLIPS = [np.diag(signs) for signs in itertools.product((1.0, -1.0), repeat=3)]


def image(direction: np.ndarray, kind: int = sitk.sitkInt16) -> sitk.Image:
    """A small volume in which every voxel differs."""
    values = np.arange(4 * 5 * 6).reshape(4, 5, 6) * 7 - 300
    picture = sitk.Cast(sitk.GetImageFromArray(values.astype(np.int32)), kind)
    picture.SetSpacing((0.7, 0.8, 2.5))
    picture.SetOrigin((-166.0, -171.7, -340.0))
    picture.SetDirection(np.asarray(direction, float).ravel().tolist())
    return picture


def written(folder: Path, picture: sitk.Image, compressed: bool = False) -> Path:
    path = folder / "1.2.3.mhd"
    sitk.WriteImage(picture, str(path), useCompression=compressed)
    return path


def edited(path: Path, old: str, new: str) -> Path:
    """Replace the line that starts with `old`; an empty `new` removes it."""
    lines = path.read_text().splitlines()
    assert any(line.startswith(old) for line in lines)
    path.write_text("\n".join(new if line.startswith(old) else line for line in lines) + "\n")
    return path


@pytest.mark.parametrize("compressed", [False, True], ids=["raw", "zraw"])
@pytest.mark.parametrize("direction", [np.eye(3), OBLIQUE, PERMUTATIONS[3] @ OBLIQUE])
def test_the_stored_grid_is_where_simpleitk_puts_it(tmp_path, direction, compressed):
    picture = image(direction)
    header = read_header(written(tmp_path, picture, compressed))
    assert np.array_equal(metaimage.read_stored(header), sitk.GetArrayFromImage(picture))
    for x, y, z in [(0, 0, 0), (5, 0, 0), (0, 4, 0), (0, 0, 3), (5, 4, 3)]:
        truth = picture.TransformIndexToPhysicalPoint((x, y, z))
        assert np.allclose(metaimage.geometry(header).to_world((z, y, x)), truth, atol=1e-6)


@pytest.mark.parametrize("flip", FLIPS, ids=lambda d: "".join("+-"[int(s < 0)] for s in d.sum(0)))
@pytest.mark.parametrize("order", PERMUTATIONS, ids=lambda d: "xyz"[d[0].argmax()] + "..")
def test_every_flip_and_permutation_is_brought_into_lps(tmp_path, order, flip):
    picture = image(order @ flip)
    volume, native = read_volume(written(tmp_path, picture))
    truth = sitk.DICOMOrient(picture, "LPS")
    assert volume.flags.c_contiguous and volume.dtype == np.int16
    assert np.array_equal(volume, sitk.GetArrayFromImage(truth))
    assert np.allclose(native.origin, truth.GetOrigin())
    assert np.allclose(native.spacing, truth.GetSpacing())
    assert np.allclose(native.direction, np.eye(3))


@given(
    angles=st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    point=st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 3)),
)
def test_a_voxel_keeps_its_world_position_in_any_direction(tmp_path_factory, angles, point):
    turn = np.array(sitk.Euler3DTransform((0, 0, 0), *angles).GetMatrix()).reshape(3, 3)
    picture = image(turn)
    volume, native = read_volume(written(tmp_path_factory.mktemp("oblique"), picture))
    world = picture.TransformIndexToPhysicalPoint(point)
    index = np.rint(native.to_index(world)).astype(int)
    assert np.allclose(native.to_world(index), world, atol=1e-6)
    assert volume[tuple(index)] == picture[point]


@pytest.mark.parametrize(
    "kind", [sitk.sitkInt8, sitk.sitkUInt16, sitk.sitkInt32, sitk.sitkFloat32, sitk.sitkFloat64]
)
def test_other_voxel_types_are_read_as_int16(tmp_path, kind):
    picture = sitk.Cast(image(np.eye(3)) * 0 + 100, kind)
    volume, _ = read_volume(written(tmp_path, picture))
    assert volume.dtype == np.int16
    assert (volume == 100).all()


def test_values_beyond_int16_are_clipped(tmp_path):
    picture = image(np.eye(3), sitk.sitkInt32)
    picture[0, 0, 0], picture[1, 0, 0] = 70_000, -70_000
    volume, _ = read_volume(written(tmp_path, picture))
    assert (volume[0, 0, 0], volume[0, 0, 1]) == (32_767, -32_768)


def test_big_endian_voxels_are_read_in_their_order(tmp_path):
    path = written(tmp_path, image(np.eye(3)))
    data = path.with_suffix(".raw")
    data.write_bytes(np.frombuffer(data.read_bytes(), "<i2").astype(">i2").tobytes())
    edited(path, "BinaryDataByteOrderMSB", "BinaryDataByteOrderMSB = True")
    volume, _ = read_volume(path)
    assert np.array_equal(volume, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("DimSize", "DimSize = 6 5", "DimSize has 2 numbers"),
        ("ElementDataFile", "ElementDataFile = ../other.raw", "points out of the header's folder"),
    ],
)
def test_a_defective_header_is_refused_with_key_and_reason(tmp_path, old, new, message):
    path = edited(written(tmp_path, image(np.eye(3))), old, new)
    with pytest.raises(UserError, match=r"1\.2\.3\.mhd: ") as error:
        read_header(path)
    assert message in str(error.value)
    assert str(error.value).count(". ") >= 1  # a remedy follows the reason


def test_all_defects_of_a_header_are_told_at_once(tmp_path):
    path = edited(written(tmp_path, image(np.eye(3))), "Offset", "")
    edited(path, "ElementSpacing", "ElementSpacing = 1 1 inf")
    header, problems = examine(path)
    assert header is None
    assert [p.reason.split()[0] for p in problems] == ["ElementSpacing", "the"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00a", b"a = 1\n" * 20_000])
def test_what_is_no_text_header_is_refused(tmp_path, content):
    path = tmp_path / "1.2.3.mhd"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"1\.2\.3\.mhd"):
        read_header(path)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_make_the_parser_fail_otherwise(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "1.2.3.mhd"
    path.write_bytes(content)
    _, problems = examine(path)
    assert problems


def test_windows_line_ends_and_byte_order_mark_are_fine(tmp_path):
    path = written(tmp_path, image(np.eye(3)))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_header(path).shape == (4, 5, 6)


DAMAGE = {
    "missing": (None, "cannot be read"),
    "empty": (lambda data: b"", "0 bytes long"),
    "short": (lambda data: data[:-1], "bytes long where its header says"),
    "long": (lambda data: data + b"\0", "bytes long where its header says"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("compressed", [False, True], ids=["raw", "zraw"])
def test_an_incomplete_voxel_file_is_refused(tmp_path, damage, compressed):
    path = written(tmp_path, image(np.eye(3)), compressed)
    data = path.with_suffix(".zraw" if compressed else ".raw")
    change, message = DAMAGE[damage]
    content = data.read_bytes()
    data.unlink()
    if change is not None:
        data.write_bytes(change(content))
    with pytest.raises(UserError, match=message):
        read_volume(path)


VOXELS = np.arange(4 * 5 * 6, dtype="<i2").tobytes()
CORRUPT = bytearray(zlib.compress(VOXELS))
CORRUPT[-1] ^= 1  # the checksum at the end


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(CORRUPT), "not intact zlib data"),
        (b"no zlib at all", "not intact zlib data"),
        (zlib.compress(VOXELS)[:-4], "its checksum is missing"),
        (zlib.compress(VOXELS) + b"\0", "goes on after the end"),
        (zlib.compress(VOXELS[:-2]), "2 bytes of voxels fewer"),
        (zlib.compress(VOXELS + b"\0"), "holds more voxels"),
        (zlib.compress(bytes(50_000_000)), "holds more voxels"),
    ],
)
def test_damaged_compressed_voxels_are_refused(tmp_path, content, message):
    """SimpleITK 2.5 returns wrong voxels for the first of these, with a line on stderr."""
    path = edited(written(tmp_path, image(np.eye(3)), True), "CompressedDataSize", "")
    path.with_suffix(".zraw").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_volume(path)


@pytest.mark.real
def test_a_real_scan_equals_what_simpleitk_reads(shared_data):
    path = next((shared_data / "data" / "luna16" / "subset1").glob("*.mhd"))
    volume, native = read_volume(path)
    truth = sitk.ReadImage(str(path))
    assert np.array_equal(volume, sitk.GetArrayViewFromImage(truth))
    assert np.allclose(native.origin, truth.GetOrigin())
