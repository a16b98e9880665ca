"""`snakemake predictions`: findings in the scans of a sheet, one job each, by a model file."""

import csv

import pytest

from helpers import findings_schema, models
from helpers.running import run_workflow, succeeded
from nodules.images import dicom_writing
from nodules.images.metaimage_writing import write_volume

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]


@pytest.fixture
def clinic(tmp_path):
    """A sheet of a scan as MetaImage, the same as DICOM, and a defective one; and a model."""
    write_volume(tmp_path / "2.25.7.mhd", tmp_path / "2.25.7.raw", *models.scan())
    dicom_writing.write_series(tmp_path / "dicom", *models.scan(), "2.25.7")
    (tmp_path / "broken.nii").write_bytes(b"x")
    models.make_model(tmp_path)
    return tmp_path


def predictions(folder, *rows):
    """Run the target on a sheet of rows."""
    (folder / "clinic.csv").write_text("\n".join(["scan,name,series", *rows, ""]))
    asked = "predict={scans: clinic.csv, model: small.luna16}"
    return run_workflow(folder, "--keep-going", "--config", asked, "--", "predictions")


def read(folder):
    with (folder / "findings.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_each_scan_has_its_folder_and_a_defective_one_stops_no_other(clinic):
    done = predictions(clinic, "2.25.7.mhd,one,", "dicom,two,2.25.7", "broken.nii,three,")
    assert done.returncode != 0 and "broken.nii: it is no NIfTI file" in done.stdout + done.stderr
    home = clinic / "results/predictions"
    assert {path.name for path in home.iterdir()} == {"one", "two"}, "whole or not at all"
    one, two = read(home / "one"), read(home / "two")
    assert len(one) > 3 and one == two, "MetaImage and DICOM of a scan"
    assert (home / "two/findings.sr.dcm").is_file() and (home / "two/findings.seg.dcm").is_file()
    for name in ("one", "two"):
        assert findings_schema.problems_of(home / name / "findings.json") == []
    done = predictions(clinic, "2.25.7.mhd,one,", "dicom,two,2.25.7")
    assert "Nothing to be done" in succeeded(done).stdout + done.stderr


def test_a_broken_sheet_is_told_before_any_job(clinic):
    done = predictions(clinic, "2.25.7.mhd,one,", "none.zip,two,")
    assert done.returncode != 0 and "clinic.csv, line 3: there is no 'none.zip'" in done.stderr
    assert not (clinic / "results").exists()
