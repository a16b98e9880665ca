"""A real series in every form gives the same findings at the same places."""

import shutil
import zipfile

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.misc import is_dicom

from helpers import dicom_files, models
from nodules.images import reading
from nodules.inference import predict

pytestmark = pytest.mark.real
NUMBERS = ("x", "y", "z", "probability", "diameter_mm", "volume_mm3", "long_mm", "mean_hu")


@pytest.fixture(scope="module")
def series(shared_data):
    """The folder of a real DICOM series of sixty slices."""
    folder = shared_data / "data/dicom/LIDC-IDRI-0001"
    if not folder.is_dir():
        pytest.skip(f"no real DICOM series: {folder} is not there")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model that finds what is bright in lungs, ready."""
    folder = tmp_path_factory.mktemp("model")
    return predict.open_model(models.make_model(folder, max_per_scan=40), "cpu", 1)


@pytest.fixture(scope="module")
def scan(series):
    """The series as it is read."""
    return reading.read(series)


@pytest.fixture(scope="module")
def findings(scan, model):
    """What is found in it."""
    found = predict.predict(scan, model)
    assert len(found) > 10
    return found


def files_of(series):
    return sorted(path for path in series.rglob("*") if is_dicom(path))


def shuffled(series, folder):
    folder.mkdir()
    files = files_of(series)
    for number, at in enumerate(np.random.default_rng(0).permutation(len(files))):
        shutil.copy(files[at], folder / f"{number:04d}")
    return folder


def nested(series, folder):
    for number, path in enumerate(files_of(series)):
        home = folder / "a" / str(number % 3)
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, home)
    (folder / "notes.txt").write_text("junk between them")
    return folder


def zipped(series, folder):
    folder.mkdir()
    with zipfile.ZipFile(folder / "scan.zip", "w") as packed:
        for path in files_of(series):
            packed.write(path, f"deep/{path.name}")
    return folder / "scan.zip"


def in_syntax(syntax):
    def encoded(series, folder):
        folder.mkdir()
        images = [pydicom.dcmread(path) for path in files_of(series)]
        made = [dicom_files.encoded(image, syntax, folder) for image in images]
        return dicom_files.write(folder, made)

    return encoded


def in_file(suffix, turn=lambda image: image):
    def stored(series, folder):
        folder.mkdir()
        found = reading.read(series)
        image = sitk.GetImageFromArray(found.voxels)
        image.SetOrigin(found.geometry.origin.tolist())
        image.SetSpacing(found.geometry.spacing.tolist())
        image.SetDirection(found.geometry.direction.ravel().tolist())
        sitk.WriteImage(turn(image), str(folder / f"scan{suffix}"))
        return folder / f"scan{suffix}"

    return stored


FORMS = {
    "shuffled": shuffled,
    "nested": nested,
    "zipped": zipped,
    "JPEG-LS": in_syntax(dicom_files.JPEG_LS),
    "RLE": in_syntax(dicom_files.RLE),
    "NIfTI": in_file(".nii.gz"),
    "NRRD": in_file(".nrrd"),
    "MHA": in_file(".mha"),
    "MHD": in_file(".mhd"),
    "flipped": in_file(".nii", lambda image: sitk.Flip(image, (True, False, True))),
    "permuted": in_file(".nrrd", lambda image: sitk.PermuteAxes(image, (2, 0, 1))),
}


@pytest.mark.parametrize("form", FORMS)
def test_findings_are_equal_in_every_form(series, scan, findings, model, tmp_path, form):
    again = reading.read(FORMS[form](series, tmp_path / "scan"))
    assert np.array_equal(again.voxels, scan.voxels)
    own = predict.predict(again, model)
    assert len(own) == len(findings)
    for mine, theirs in zip(own, findings, strict=True):
        for name in NUMBERS:
            assert getattr(mine, name) == pytest.approx(getattr(theirs, name), abs=1e-3), name
