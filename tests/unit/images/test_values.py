"""Values of any file as it means them, channel by channel."""

import gzip

import numpy as np
import pytest
import SimpleITK as sitk

from helpers import other_layouts as made
from nodules.base.files import UserError
from nodules.images import values
from nodules.images.metaimage_writing import write_volume


def four_dimensional(path, volumes):
    """A 4-D file of float voxels, by hand: nifti1.h."""
    made.write(path, volumes[0].astype(np.int16))
    header = bytearray(gzip.decompress(path.read_bytes())[:352])
    dim = np.array([4, *made.SHAPE[::-1], len(volumes), 1, 1, 1], "<i2")
    header[40:56], header[70:74] = dim.tobytes(), np.array([16, 32], "<i2").tobytes()
    voxels = np.concatenate([v.astype("<f4").ravel() for v in volumes]).tobytes()
    path.write_bytes(gzip.compress(bytes(header) + voxels))


def test_each_channel_of_a_4d_file_is_read_unrounded(tmp_path):
    volumes = [np.random.default_rng(k).random(made.SHAPE) for k in range(3)]
    four_dimensional(tmp_path / "a.nii.gz", volumes)
    for channel, expected in enumerate(volumes):
        found, grid = values.read(tmp_path / "a.nii.gz", channel)
        assert np.allclose(found, expected[:, ::-1, ::-1], atol=1e-6)
        assert np.allclose(grid.direction, np.eye(3))
    with pytest.raises(UserError, match="no channel 3, but 3, counted from 0"):
        values.read(tmp_path / "a.nii.gz", 3)


def test_other_forms_give_the_same_values(tmp_path):
    made.write(tmp_path / "a.nii.gz", made.image())
    write_volume(tmp_path / "a.mhd", tmp_path / "a.raw", made.image(), made.GRID)
    one, other = (values.read(tmp_path / name) for name in ("a.nii.gz", "a.mhd"))
    assert np.array_equal(one[0], other[0])
    assert np.allclose(one[1].origin, other[1].origin, atol=1e-4)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd", "a.nii.gz"])
@pytest.mark.parametrize("kind", [np.float32, np.uint16])
def test_no_form_rounds_or_clips(tmp_path, name, kind):
    """Scaled MR has few whole numbers, and a label of 0.6 is a mistake to be told."""
    rng = np.random.default_rng(0)
    volume = (rng.random((5, 6, 7)) * (8 if kind is np.float32 else 60_000)).astype(kind)
    sitk.WriteImage(sitk.GetImageFromArray(volume), str(tmp_path / name))
    found, _ = values.read(tmp_path / name)
    assert np.array_equal(np.sort(found, axis=None), np.sort(volume, axis=None))
