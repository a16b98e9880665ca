"""The check on seven real scans: right ones raise no alarm, and what was done to them is named."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from nodules.datasets import lidc, luna16
from nodules.datasets.check import Checked, check_folder, judge_values, messages
from nodules.datasets.hounsfield import judge
from nodules.datasets.voxels import survey
from nodules.images.metaimage import read_volume
from nodules.images.metaimage_header import read_header
from nodules.prepare import lung_check

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
THREE = "1.3.6.1.4.1.14519.5.2.1.6279.6001.170706757615202213033480003264"  # LIDC-IDRI-0003


@pytest.fixture(scope="module")
def seven(shared_data, tmp_path_factory):
    """LUNA16's layout of all real scans; a gigabyte, removed afterwards."""
    unpack = shared_data / "data/unpack.py"
    if not unpack.is_file():
        pytest.skip(f"no seven real scans: {unpack} is missing")
    folder = tmp_path_factory.mktemp("seven")
    subprocess.run([sys.executable, str(unpack), str(folder)], check=True, capture_output=True)
    yield folder
    shutil.rmtree(folder)


def check(folder: Path) -> Checked:
    headers = [s.header for s in luna16.found(folder)]
    return check_folder(folder, headers, lidc.patients(), further=lung_check.verdicts)


def counts(values) -> np.ndarray:
    clipped = np.clip(np.rint(values), -32768, 32767).astype(np.int64)
    return np.bincount(clipped.ravel() + 32768, minlength=65536).astype(np.int64)


def as_hu(values: np.ndarray, padding: np.ndarray) -> dict[str, np.ndarray]:
    """Variants of a real scan that are right."""
    rng = np.random.default_rng(1)
    tissue = (values > 30) & (values < 120)
    middle = slice(values.shape[1] // 4, -values.shape[1] // 4)
    return {
        "as it is": values,
        "padding of -3024": np.where(padding, -3024, values),
        "padding of -1024": np.where(padding, -1024, values),
        "padding of 0": np.where(padding, 0, values),
        "low dose": np.where(padding, values, values + rng.normal(0, 60, values.shape)),
        "a bone kernel": np.where(padding, values, values + rng.normal(0, 150, values.shape)),
        "contrast": np.where(tissue & (rng.random(values.shape) < 0.3), values + 250, values),
        "resampled": ndimage.zoom(values, (0.8, 0.5, 0.5), order=1),
        "cropped": values[:, middle, middle],
        "right half": values[:, :, : values.shape[2] // 2],
        "three slices": values[:3],
        "last slice": values[-1:],
        "cut to a window": np.clip(values, -1000, 400),
    }


def not_hu(values: np.ndarray, padding: np.ndarray) -> dict[str, np.ndarray]:
    """Variants of a real scan that are wrong, by what has to be said of them."""
    return {
        "shifted by about +1024, as unrescaled DICOM": np.where(padding, values, values + 1024),
        "shifted by about -1024, as values rescaled twice": values - 1024,
        "sign looks flipped": -values,
        "scaled by about 10": values * 10,
        "scaled by about 0.1": values / 10,
        "shifted by 32768": np.where(values < 0, values + 32768, values - 32768),
        "bytes of each voxel look swapped": values.astype("<i2").byteswap(),
    }


def test_the_seven_scans_have_no_defect(seven):
    checked = check(seven)
    assert set(checked.scans["status"]) == {"ok"} and len(checked.scans) == 7
    assert checked.scans["n_nodules"].sum() == 20
    assert checked.scans["patient"].str.startswith("LIDC-IDRI-").all()
    assert all("not there" in told or "no scan in" in told for told in messages(checked))


def test_right_variants_pass_and_wrong_ones_are_named(seven):
    for path in sorted(seven.glob("subset*/*.mhd")):
        values = read_volume(path)[0][::6].astype(np.float32)
        padding = values < -1500
        for name, right in as_hu(values, padding).items():
            assert judge(counts(right)) is None, (path.stem, name)
        for told, wrong in not_hu(values, padding).items():
            found = judge(counts(wrong))
            assert found is not None and found.fatal, (path.stem, told)
            assert told in found.reason, (path.stem, told, found.reason)


def test_a_stored_scan_that_is_not_rescaled_is_refused(seven, tmp_path):
    picture = sitk.ReadImage(str(next(seven.glob(f"subset9/{THREE}.mhd"))))
    values = sitk.GetArrayFromImage(picture)
    raised = np.where(values < -1500, values, values + 1024)
    shifted = sitk.GetImageFromArray(raised)
    shifted.CopyInformation(picture)
    (tmp_path / "subset9").mkdir()
    path = tmp_path / f"subset9/{THREE}.mhd"
    sitk.WriteImage(shifted, str(path))
    header = read_header(path)
    (found,) = judge_values(header, survey(header))
    assert found.fatal and found.reason == (
        "these are not Hounsfield units: they look shifted by about +1024, as unrescaled DICOM "
        "values are"
    )


@pytest.fixture
def labelled(seven, shared_data, tmp_path):
    """Check subset 9's scan of three nodules, its shared label volume changed."""
    for path in seven.glob("*.csv"):
        shutil.copy(path, tmp_path)
    (tmp_path / "subset9").mkdir()
    for path in seven.glob(f"subset9/{THREE}.*"):
        (tmp_path / "subset9" / path.name).symlink_to(path)
    source = sitk.ReadImage(str(shared_data / f"data/nodule_labels/{THREE}_nodule_labels.mhd"))

    def run(change) -> list[str]:
        stored = sitk.GetImageFromArray(change(sitk.GetArrayFromImage(source)))
        stored.CopyInformation(source)
        sitk.WriteImage(stored, str(tmp_path / f"subset9/{THREE}_nodules.mhd"))
        return [line for line in messages(check(tmp_path)) if f"{THREE}_nodules" in line]

    return run


def test_labels_that_fit_and_one_that_luna16_does_not_have(labelled):
    (told,) = labelled(lambda volume: volume)
    assert told.startswith("note: ") and "no annotated nodule is there: label 4." in told


def test_one_label_for_all_nodules(labelled):
    first, second = labelled(lambda volume: (volume > 0).astype(np.uint8))
    assert "label 1 lies over nodules 1, 2 and 3: its connected parts are taken apart" in first
    assert "no annotated nodule is there: a part of label 1" in second


def test_slices_in_reverse_order(labelled):
    (told,) = labelled(lambda volume: volume[::-1])
    assert (
        told.startswith("error: ")
        and (
            "the slices are in reverse order, it seems: 3 of 3 nodules would have a label that fits"
        )
        in told
    )


def test_scans_renamed_beside_the_official_lists(seven, tmp_path):
    """As in the wild: 000.mhd and 001.mhd, and no seriesuids.csv."""
    for name in ("annotations.csv", "annotations_excluded.csv"):
        shutil.copy(seven / name, tmp_path)
    (tmp_path / "subset1").mkdir()
    for number, path in enumerate(sorted(seven.glob("subset[19]/*.zraw"))):
        text = path.with_suffix(".mhd").read_text().replace(path.name, f"00{number}.zraw")
        (tmp_path / f"subset1/00{number}.mhd").write_text(text)
        (tmp_path / f"subset1/00{number}.zraw").symlink_to(path)
    told = [line for line in messages(check(tmp_path)) if line.startswith("error")]
    assert len(told) == 1
    assert "none of its 1186 nodules belongs to one of the 2 scans here" in told[0]
    assert "the list is LUNA16's, the scans are named otherwise ('000'); renamed files" in told[0]
