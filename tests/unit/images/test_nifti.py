"""NIfTI: forms of the affine, types, byte orders and scales, against SimpleITK and by hand."""

import struct

import numpy as np
import pytest
import SimpleITK as sitk

from helpers import dicom_files as made
from nodules.base.files import UserError
from nodules.images import nifti

HU = made.noise((5, 6, 7))
ORIGIN, SPACING = np.array([-30.0, 20.5, -100.25]), np.array([0.7, 0.8, 2.5])
QFORM, SFORM, OFFSET = 252, 254, 108
SROWS, QUATERNION, PIXDIM, UNITS, SLOPE, TYPE = 280, 256, 76, 123, 112, 70


@pytest.fixture
def file(tmp_path):
    """A NIfTI file of SimpleITK's, oblique, with both forms; its picture."""
    image = sitk.GetImageFromArray(HU)
    image.SetOrigin(ORIGIN)
    image.SetSpacing(SPACING)
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.2, -0.1, 0.15).GetMatrix())
    sitk.WriteImage(image, str(tmp_path / "scan.nii"))
    return tmp_path / "scan.nii", image


def patch(path, **at):
    """Write values into a header; each as (offset, format, values)."""
    content = bytearray(path.read_bytes())
    for offset, kind, *values in at.values():
        struct.pack_into(f"<{len(values)}{kind}", content, offset, *values)
    path.write_bytes(content)
    return path


def is_same(path, image) -> bool:
    """Whether a file has the voxels of a picture at their places."""
    voxels, grid = nifti.read_volume(path)
    points = list(np.ndindex(image.GetSize()))
    truth = np.array([image.TransformIndexToPhysicalPoint(point) for point in points])
    index = np.rint(grid.to_index(truth)).astype(int)
    assert np.abs(grid.to_world(index) - truth).max() < 1e-3
    return bool((voxels[tuple(index.T)] == np.array([image[p] for p in points])).all())


@pytest.mark.parametrize("gone", [QFORM, SFORM], ids=["sform alone", "qform alone"])
def test_either_form_will_do(file, gone):
    path, image = file
    assert is_same(path, image)
    assert is_same(patch(path, code=(gone, "h", 0)), image)


def test_a_qform_that_mirrors_z_is_followed(file):
    path, image = file
    patch(path, code=(SFORM, "h", 0), sign=(PIXDIM, "f", -1.0), turn=(QUATERNION, "f", 0, 0, 0))
    _, grid = nifti.read_volume(path)
    stored_z = image.GetOrigin()[2]
    assert np.allclose(grid.to_world((4, 0, 0))[2], stored_z, atol=1e-3)  # the first is the highest


def test_forms_that_disagree_are_refused(file):
    path, _ = file
    patch(path, offset=(268, "f", 0.0))
    with pytest.raises(UserError, match=r"its sform and its qform disagree by 30.0 mm\. Set the"):
        nifti.read_volume(path)


def test_no_form_is_refused(file):
    path, _ = file
    patch(path, q=(QFORM, "h", 0), s=(SFORM, "h", 0))
    with pytest.raises(UserError, match="neither sform nor qform, so it says not where"):
        nifti.read_volume(path)


def test_a_sheared_form_is_refused(file):
    path, _ = file
    patch(path, q=(QFORM, "h", 0), s=(SROWS, "f", 0.7, 0.4, 0, 0, 0, 0.8, 0, 0, 0, 0, 2.5, 0))
    with pytest.raises(UserError, match="its axes are not at right angles"):
        nifti.read_volume(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((TYPE, "h", 128), "its voxels have the type 128, which is no HU"),
        ((40, "h", 4, 7, 6, 5, 2), "it is not one 3-D volume"),
        ((40, "h", 3, 0, 6, 5), "its size 0 x 6 x 5 is absurd"),
        ((344, "B", *b"ni1\0"), r"its voxels are in another file \(.img\)"),
        ((OFFSET, "f", 1e9), "its voxels begin at byte"),
        ((OFFSET, "f", float("nan")), "its voxels begin at byte"),
        ((SROWS, "f", float("nan")), "its axes make no grid"),
        ((UNITS, "B", 1), "are absurd for a chest CT"),
    ],
)
def test_a_bad_header_is_one_sentence(file, change, message):
    path, _ = file
    with pytest.raises(UserError, match=message):
        nifti.read_volume(patch(path, change=change))


@pytest.mark.parametrize("kind", [sitk.sitkInt32, sitk.sitkFloat32, sitk.sitkFloat64])
def test_other_types_are_read(tmp_path, file, kind):
    _, image = file
    sitk.WriteImage(sitk.Cast(image, kind), str(tmp_path / "other.nii.gz"))
    assert is_same(tmp_path / "other.nii.gz", image)


def test_a_scale_is_applied(file):
    path, _ = file
    voxels, _ = nifti.read_volume(path)
    scaled, _ = nifti.read_volume(patch(path, scale=(SLOPE, "f", 2.0, -1024.0)))
    assert np.array_equal(scaled, np.rint(voxels * 2.0 - 1024))


def test_metres_are_brought_to_mm(file):
    path, image = file
    content = bytearray(path.read_bytes())
    for at, n in ((SROWS, 12), (PIXDIM + 4, 3), (268, 3)):
        values = np.frombuffer(bytes(content), "<f4", n, at) / np.float32(1000)
        content[at : at + 4 * n] = values.astype("<f4").tobytes()
    content[UNITS] = 1
    path.write_bytes(content)
    assert is_same(path, image)


@pytest.mark.parametrize("order", "<>")
def test_nifti_2_of_both_byte_orders_is_read(tmp_path, order):
    head = bytearray(544)
    struct.pack_into(f"{order}i", head, 0, 540)
    head[4:12] = b"n+2\0\r\n\x1a\n"
    struct.pack_into(f"{order}hh8q", head, 12, 4, 16, 3, 7, 6, 5, 1, 1, 1, 1)
    struct.pack_into(f"{order}q", head, 168, 544)
    struct.pack_into(f"{order}i", head, 348, 1)
    rows = np.diag([*SPACING * [-1, -1, 1], 0])[:3]
    rows[:, 3] = ORIGIN * [-1, -1, 1]
    struct.pack_into(f"{order}12d", head, 400, *rows.ravel())
    struct.pack_into(f"{order}i", head, 500, 2)
    (tmp_path / "two.nii").write_bytes(bytes(head) + HU.astype(f"{order}i2").tobytes())
    voxels, grid = nifti.read_volume(tmp_path / "two.nii")
    assert np.array_equal(voxels, HU)
    assert np.allclose(grid.origin, ORIGIN) and np.allclose(grid.spacing, SPACING)
