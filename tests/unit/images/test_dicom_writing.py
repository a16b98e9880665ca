"""A volume that is written as DICOM is read back as it was."""

import subprocess
from shutil import which

import numpy as np
import pytest

from nodules.images import dicom_writing, reading
from nodules.images.geometry import Geometry

OBLIQUE = np.array([[0.98, 0.0, 0.19899749], [0.0, 1.0, 0.0], [-0.19899749, 0.0, 0.98]])


@pytest.mark.parametrize("direction", [np.eye(3), OBLIQUE], ids=["straight", "oblique"])
def test_what_is_written_is_read_back(tmp_path, direction):
    hu = np.random.default_rng(0).integers(-1000, 2000, (12, 20, 24)).astype(np.int16)
    grid = Geometry.build((-30.5, 12.25, -400.125), (0.7, 0.8, 1.25), direction, hu.shape)
    paths = dicom_writing.write_series(tmp_path / "dcm", hu, grid, "2.25.7")
    again = reading.read(tmp_path / "dcm")
    assert np.array_equal(again.voxels, hu) and again.uid == "2.25.7"
    ends = [(0, 0, 0), (11, 19, 23)]
    assert np.allclose(again.geometry.to_world(ends), grid.to_world(ends), atol=1e-6)
    if which("dciodvfy"):
        told = subprocess.run(["dciodvfy", paths[0]], capture_output=True, text=True)
        assert "Error" not in told.stdout + told.stderr


def test_uids_depend_on_the_words_alone():
    assert dicom_writing.made_uid("a", 1) == dicom_writing.made_uid("a", 1)
    assert dicom_writing.made_uid("a", 1) != dicom_writing.made_uid("a", 2)
    assert len(dicom_writing.made_uid("a")) <= 64
