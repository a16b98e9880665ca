"""`luna16 predict` as a person runs it."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from helpers import chest, models
from nodules.cli import main as cli
from nodules.cli import predict as cli_predict
from nodules.images import dicom_writing
from nodules.images.metaimage_writing import write_volume

UID = "2.25.7"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Path of a model file."""
    return models.make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def luna16(tmp_path, model, monkeypatch, capfd):
    """Run `luna16 predict` in an empty folder; gives status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, file=model):
        command = ["predict", *map(str, arguments), "--model", str(file), "--threads", "1"]
        status = cli.main([*command, "--out", "out", "--device", "cpu"])
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def scan():
    """HU and grid of a drawn chest with nodules."""
    return models.scan()


def test_a_line_a_scan_and_a_sum(luna16, scan):
    dicom_writing.write_series(Path("dcm"), *scan, UID)
    status, out, err = luna16("dcm")
    assert (status, err) == (0, "")
    assert re.search(
        rf"^{UID}: \d+ findings, the most confident on the (left|right), [\d.]+ mm, conf", out, re.M
    )
    assert "scans done: 1, failed: 0, left out: 0" in out and "not a medical device" in out
    assert Path("out", UID, "findings.sr.dcm").is_file()


def test_started_again_it_does_nothing_and_says_so(luna16, scan):
    dicom_writing.write_series(Path("dcm"), *scan, UID)
    luna16("dcm")
    status, out, _ = luna16("dcm")
    assert status == 0 and "(already there)" in out


def test_quiet_says_nothing_but_failures_and_json_says_all(luna16, scan):
    dicom_writing.write_series(Path("dcm"), *scan, UID)
    Path("empty").mkdir()
    status, out, err = luna16("dcm", "empty", "--quiet")
    assert (status, out) == (1, "") and err.count("\n") == 1 and "no scan among" in err
    status, out, err = luna16("dcm", "empty", "--quiet", "--json")
    rows = json.loads(out)["scans"]
    assert status == 1 and [row["status"] for row in rows] == ["done", "failed"]
    assert rows[0]["candidates"] >= rows[0]["reported"] >= 0 and rows[1]["reported"] is None


def test_the_series_that_is_asked_for_is_taken(luna16, scan):
    dicom_writing.write_series(Path("dcm", "a"), *scan, UID)
    status, _, err = luna16("dcm", "--series", "2.25.99")
    assert status == 1 and "no series 2.25.99 in it" in err
    assert luna16("dcm", "--series", UID)[0] == 0


def test_a_file_that_is_no_model_stops_before_any_scan(luna16, scan):
    dicom_writing.write_series(Path("dcm"), *scan, UID)
    Path("text.luna16").write_text("no")
    for file in ("text.luna16", "absent.luna16"):
        status, out, err = luna16("dcm", file=file)
        assert (status, out) == (2, "") and err.count("\n") == 1
    assert not Path("out").exists()


def test_out_must_be_a_folder(luna16, scan):
    Path("out").write_text("")
    status, _, err = luna16("dcm")
    assert status == 2 and "out" in err and err.count("\n") == 1


def test_the_help_teaches_with_three_examples(capsys):
    with pytest.raises(SystemExit):
        cli.main(["predict", "--help"])
    text = capsys.readouterr().out
    assert text.count("\n  luna16 predict ") == 3 and "Not a medical device" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_missing_package_is_named(luna16, monkeypatch):
    monkeypatch.setattr(cli_predict, "PACKAGES", ("numpy", "no_such_package"))
    status, _, err = luna16("dcm")
    assert status == 2 and "needs no_such_package" in err and "luna16-nodules[predict]" in err


def slices(change=lambda images: images, **tags):
    """A defect of a DICOM series: its datasets are changed, then written."""

    def damage(folder, scan):
        paths = dicom_writing.write_series(folder, *scan, UID)
        import pydicom

        images = [pydicom.dcmread(path) for path in paths]
        for image in images:
            for name, value in tags.items():
                setattr(image, name, value)
        kept = change(images) or images
        for path, image in zip(paths, images, strict=True):
            path.unlink()
            if any(image is one for one in kept):
                image.save_as(path)

    return damage


def cut(folder, scan):
    paths = dicom_writing.write_series(folder, *scan, UID)
    paths[5].write_bytes(paths[5].read_bytes()[:-100])


def two_places(images):
    images[3].ImagePositionPatient = images[4].ImagePositionPatient


def volume(suffix, change=lambda voxels: voxels, damage=lambda path: None):
    """A defect of a volume file."""

    def make(folder, scan):
        folder.mkdir()
        voxels = change(scan[0])
        image = sitk.GetImageFromArray(np.ascontiguousarray(voxels))
        image.SetSpacing([chest.SPACING] * 3)
        path = folder / f"scan{suffix}"
        sitk.WriteImage(image, str(path))
        damage(path)

    return make


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def renamed(name):
    def make(folder, scan):
        folder.mkdir()
        (folder / name).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))

    return make


def no_zip(folder, scan):
    folder.mkdir()
    (folder / "a.zip").write_bytes(b"PK\x03\x04 and no more")


def outside(folder, scan):
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.zip", "w") as packed:
        packed.writestr("../../evil.txt", "x")


def without_voxels(folder, scan):
    write_volume(folder / "a.mhd", folder / "a.raw", *scan)
    (folder / "a.raw").unlink()


DEFECTS = {
    "an empty folder": (lambda folder, scan: folder.mkdir(), "no scan among its 0 files"),
    "no such folder": (lambda folder, scan: None, "no such file or folder"),
    "a slice missing": (slices(lambda i: i[:7] + i[8:]), "a slice is missing between"),
    "five slices": (slices(lambda i: i[:5]), "5 slices, fewer than 10"),
    "a file cut short": (cut, "cut short"),
    "slices at one place": (slices(two_places), "missing|lie at the same place and differ"),
    "another modality": (slices(Modality="MR"), "its modality is MR|MR"),
    "a localiser": (slices(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localiser"),
    "no place": (slices(ImagePositionPatient=None), "ImagePositionPatient is missing"),
    "a slope of 0": (slices(RescaleSlope=0), "rescale slope is 0"),
    "not rescaled": (slices(RescaleIntercept=0), "not Hounsfield units"),
    "no spacing": (slices(PixelSpacing=None), "PixelSpacing is missing"),
    "a NIfTI cut short": (volume(".nii.gz", damage=truncated), "gzip|missing"),
    "an NRRD cut short": (volume(".nrrd", damage=truncated), "missing|gzip"),
    "an MHA cut short": (volume(".mha", damage=truncated), "bytes long where"),
    "grey levels": (volume(".nii.gz", lambda v: np.uint8((v + 1024) // 20)), "not Hounsfield"),
    "one value": (volume(".nrrd", np.zeros_like), "all voxels are 0"),
    "four dimensions": (volume(".nii.gz", lambda v: np.stack([v, v])), "not one 3-D volume"),
    "a picture named DICOM": (renamed("scan.dcm"), "no scan among its 1 files"),
    "a picture named NIfTI": (renamed("scan.nii"), "no NIfTI file"),
    "no zip": (no_zip, "not an intact zip"),
    "a zip with a path outside": (outside, "no scan among|neither DICOM"),
    "no voxel file": (without_voxels, "a.raw"),
}


@pytest.mark.parametrize("what", DEFECTS)
def test_a_defective_input_is_one_sentence_and_nothing_half_written(luna16, scan, what):
    make, pattern = DEFECTS[what]
    make(Path("in"), scan)
    write_volume(Path("good/2.25.8.mhd"), Path("good/2.25.8.raw"), *scan)
    status, out, err = luna16("in", "good", "--json")
    told = [line for line in err.splitlines() if line]
    assert status == 1, (out, err)
    assert len(told) == 1 and re.search(pattern, told[0]) and len(told[0]) < 600, err
    # The other scan is done, and nothing of this one lies about.
    assert [row["status"] for row in json.loads(out)["scans"]] == ["failed", "done"]
    assert {path.name for path in Path("out").iterdir()} == {"2.25.8", "predicted.csv"}
    assert not Path("evil.txt").exists() and not Path("../evil.txt").exists()
    shutil.rmtree("out")
