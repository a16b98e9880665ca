"""A scan's folder is there whole or not at all, and all its files say the same."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from helpers import models
from nodules.base.files import UserError
from nodules.datasets import points_csv
from nodules.datasets.row_tables import read
from nodules.findings.found import COLUMNS
from nodules.images import dicom_writing, reading
from nodules.images.metaimage_writing import write_volume
from nodules.inference import predict
from nodules.report import delivery

UID = "2.25.7"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model, ready."""
    return predict.open_model(models.make_model(tmp_path_factory.mktemp("model")), "cpu", 1)


@pytest.fixture
def scans(tmp_path):
    """A folder with a scan as DICOM, one as .mhd, and one that is cut short."""
    voxels, geometry = models.scan()
    folder = tmp_path / "in"
    dicom_writing.write_series(folder / "dcm", voxels, geometry, UID)
    write_volume(folder / "2.25.8.mhd", folder / "2.25.8.raw", voxels[:, :, ::-1], geometry)
    write_volume(folder / "2.25.9.mhd", folder / "2.25.9.raw", voxels, geometry)
    content = (folder / "2.25.9.raw").read_bytes()
    (folder / "2.25.9.raw").write_bytes(content[:-500])
    return folder


def job(out, model, heard=None):
    """A job of this model; heard: UIDs that were really looked at."""

    def find(scan, tell):
        if heard is not None:
            heard.append(scan.uid)
        return predict.predict(scan, model, tell=tell)

    return delivery.Job(out, find, "model")


def test_each_scan_has_its_folder_and_a_defective_one_does_not_stop_them(tmp_path, scans, model):
    out, told = tmp_path / "out", []
    listener = delivery.Listener(ended=lambda row, new: told.append((row["status"], new)))
    rows = delivery.deliver([scans], job(out, model), listener)
    assert sorted(row["status"] for row in rows) == ["done", "done", "failed"]
    assert len(told) == 3 and all(new for _, new in told)
    names = {path.name for path in out.iterdir()}
    assert names == {UID, "2.25.8", delivery.SCANS}
    files = {delivery.TABLE, delivery.DETAILS, delivery.LABELS, delivery.PAGE}
    assert {path.name for path in (out / "2.25.8").iterdir()} == files
    dicom = {delivery.SEGMENTATION, delivery.REPORT}
    assert {path.name for path in (out / UID).iterdir()} == files | dicom
    (failed,) = (row for row in rows if row["status"] == "failed")
    assert "2.25.9.raw" in failed["notes"] and "248332 bytes long" in failed["notes"]


def test_all_files_say_the_same(tmp_path, scans, model):
    delivery.deliver([scans], job(tmp_path / "out", model))
    folder = tmp_path / "out" / UID
    with (folder / delivery.TABLE).open() as stream:
        table = list(csv.DictReader(stream))
    details = json.loads((folder / delivery.DETAILS).read_text())
    assert list(table[0]) == list(COLUMNS)
    for row, told in zip(table, details["findings"], strict=True):
        assert {key: str(value or "") for key, value in told.items()} == row
    image = sitk.ReadImage(str(folder / delivery.LABELS))
    labels = sitk.GetArrayFromImage(image)
    counts = np.bincount(labels.ravel(), minlength=len(table) + 1)[1:]
    assert counts.tolist() == [int(row["voxels"]) for row in table]
    assert details["model"]["manifest"]["networks"][0]["sha256"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_labels_lie_on_the_grid_of_the_input_in_its_own_order(tmp_path, model, order):
    voxels, geometry = models.scan()
    image = sitk.GetImageFromArray(voxels)
    image.SetOrigin(geometry.origin.tolist())
    image.SetSpacing(geometry.spacing.tolist())
    image = sitk.Flip(sitk.PermuteAxes(image, order), (True, False, True))
    (tmp_path / "in").mkdir()
    sitk.WriteImage(image, str(tmp_path / "in" / "2.25.3.nii.gz"))
    own = []

    def find(scan, tell):
        own.append(predict.predict(scan, model, tell=tell))
        return own[0]

    delivery.deliver([tmp_path / "in"], delivery.Job(tmp_path / "out", find, ""))
    labels = sitk.ReadImage(str(tmp_path / "out" / "2.25.3" / delivery.LABELS))
    assert labels.GetSize() == image.GetSize()
    assert np.allclose(labels.GetDirection(), image.GetDirection())
    assert np.allclose(labels.GetOrigin(), image.GetOrigin(), atol=1e-3)
    for finding in own[0]:
        for index in (np.argwhere(finding.mask) + [s.start for s in finding.box])[::5]:
            world = own[0].geometry.to_world(index).tolist()
            assert labels[labels.TransformPhysicalPointToIndex(world)] == finding.number


def test_the_table_is_a_submission(tmp_path, scans, model):
    delivery.deliver([scans], job(tmp_path / "out", model))
    path = tmp_path / "out" / UID / delivery.TABLE
    marks = points_csv.read_submission(path, [UID])
    assert len(marks["seriesuid"]) == len(path.read_text().splitlines()) - 1


def test_started_again_only_what_is_missing_or_changed_is_done(tmp_path, scans, model):
    out, heard = tmp_path / "out", []
    delivery.deliver([scans], job(out, model, heard))
    first = sorted(heard)
    before = (out / UID / delivery.DETAILS).stat().st_mtime_ns
    delivery.deliver([scans], job(out, model, heard))
    assert sorted(heard) == first, "the cut one is never asked about"
    assert (out / UID / delivery.DETAILS).stat().st_mtime_ns == before
    (out / "2.25.8" / delivery.DETAILS).unlink()
    delivery.deliver([scans], job(out, model, heard))
    assert heard[len(first) :] == ["2.25.8"]
    other = delivery.Job(out, job(out, model, heard).predict, "another model")
    delivery.deliver([scans], other)
    assert len(heard) == 2 * len(first) + 1


def test_a_scan_that_fails_half_way_leaves_nothing(tmp_path, scans, model, monkeypatch):
    def failing(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(delivery.label_map, "write", failing)
    with pytest.raises(OSError):
        delivery.deliver([scans / "dcm"], job(tmp_path / "out", model))
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_killed_run_left_behind_is_removed(tmp_path, scans, model):
    left = tmp_path / "out" / delivery.UNFINISHED / UID
    left.mkdir(parents=True)
    (left / delivery.TABLE).write_text("half")
    delivery.deliver([scans / "dcm"], job(tmp_path / "out", model))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {UID, delivery.SCANS}


def test_two_runs_into_one_folder_do_not_spoil_each_others_work(tmp_path, scans, model):
    """The second would take the first one's drafts for those of a run that was killed."""
    first, second = job(tmp_path / "out", model), job(tmp_path / "out", model)

    def meanwhile(scan, tell):
        with pytest.raises(UserError, match="out: another process is writing to this folder"):
            delivery.deliver([scans / "2.25.8.mhd"], second)
        return first.predict(scan, tell)

    (row,) = delivery.deliver([scans / "dcm"], delivery.Job(first.out, meanwhile, "model"))
    assert row["status"] == "done" and (first.out / UID / delivery.DETAILS).is_file()
    (row,) = delivery.deliver([scans / "2.25.8.mhd"], second)
    assert row["status"] == "done"


def test_somebody_elses_table_is_not_written_over(tmp_path, scans, model):
    (tmp_path / "out").mkdir()
    table = tmp_path / "out" / delivery.SCANS
    table.write_text("patient,predicted\n1,yes\n")
    with pytest.raises(UserError, match=r"predicted.csv: it is no table of source and name"):
        delivery.deliver([scans], job(tmp_path / "out", model))
    assert table.read_text() == "patient,predicted\n1,yes\n"


def test_what_is_read_is_not_written_into(scans, model):
    with pytest.raises(delivery.UserError, match="it lies within"):
        delivery.deliver([scans], job(scans / "out", model))


def test_after_a_failure_a_scan_can_be_done_again(tmp_path, scans, model):
    out, path = tmp_path / "out", scans / "2.25.8.raw"
    delivery.deliver([scans / "2.25.8.mhd"], job(out, model))
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    (row,) = delivery.deliver([scans / "2.25.8.mhd"], job(out, model))
    assert row["status"] == "failed"
    assert f"Findings of an earlier time are still in {out / '2.25.8'}." in row["notes"]
    path.write_bytes(whole)
    (row,) = delivery.deliver([scans / "2.25.8.mhd"], job(out, model))
    assert row["status"] == "done", row["notes"]


def test_a_run_that_was_killed_between_the_folder_and_its_row_is_gone_on_with(
    tmp_path, scans, model
):
    out = tmp_path / "out"
    delivery.deliver([scans], job(out, model))
    (out / delivery.SCANS).unlink()
    rows = delivery.deliver([scans], job(out, model))
    assert sorted(row["status"] for row in rows) == ["done", "done", "failed"]


def test_what_readers_put_beside_findings_stays_when_they_are_made_again(tmp_path, scans, model):
    out = tmp_path / "out"
    delivery.deliver([scans / "dcm"], job(out, model))
    (out / UID / "readings").mkdir()
    (out / UID / "readings/A.json").write_text("{}")
    (out / UID / "reader.html").write_text("of the findings before")
    other = delivery.Job(out, job(out, model).predict, "another model")
    (row,) = delivery.deliver([scans / "dcm"], other)
    assert row["status"] == "done" and (out / UID / "readings/A.json").read_text() == "{}"
    assert not (out / UID / "reader.html").exists()


@pytest.mark.parametrize("killed", [False, True], ids=["interrupted", "killed"])
def test_what_readers_put_beside_findings_survives_a_stop_at_any_moment(
    tmp_path, scans, model, monkeypatch, killed
):
    """The worst one: the earlier folder is moved away, and the new one is not yet in its place."""
    out = tmp_path / "out"
    delivery.deliver([scans / "dcm"], job(out, model))
    (out / UID / "readings").mkdir()
    (out / UID / "readings/A.json").write_text("{}")
    moved = Path.replace

    def stopped(path, target):
        if Path(target) == out / UID and path.parent.name != delivery.EARLIER:
            raise KeyboardInterrupt
        return moved(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stopped)
        if killed:
            patched.setattr(delivery, "_clear", lambda job: None)
        with pytest.raises(KeyboardInterrupt):
            delivery.deliver(
                [scans / "dcm"], delivery.Job(out, job(out, model).predict, "another model")
            )
    if killed:
        assert not (out / UID).exists()
        delivery.deliver([], job(out, model))
    assert (out / UID / "readings/A.json").read_text() == "{}"
    assert {path.name for path in out.iterdir()} == {UID, delivery.SCANS}


def test_a_folder_that_holds_no_findings_is_never_replaced(tmp_path, scans, model):
    out = tmp_path / "out"
    (out / UID).mkdir(parents=True)
    (out / UID / "0001.dcm").write_text("somebody's")
    (row,) = delivery.deliver([scans / "dcm"], job(out, model))
    assert row["status"] == "failed" and "holds no findings" in row["notes"]
    assert [path.name for path in (out / UID).iterdir()] == ["0001.dcm"]


def test_the_same_scan_is_done_once_wherever_it_lies(tmp_path, scans, model):
    out, heard = tmp_path / "out", []
    shutil.copytree(scans / "dcm", tmp_path / "copy")
    sources = [scans / "dcm", tmp_path / "in/../in/dcm", tmp_path / "copy"]
    one, other = delivery.deliver(sources, job(out, model, heard))
    assert heard == [UID, UID], "the source that is named twice is one"
    assert (one["status"], other["status"]) == ("done", "done")
    assert f"the same scan is at {scans / 'dcm'}" in other["notes"]
    assert json.loads((out / UID / delivery.DETAILS).read_text())["source"] == one["place"]


def test_the_same_scan_in_another_form_is_the_same_but_for_rounding(tmp_path, model):
    voxels, geometry = models.scan()
    image = sitk.GetImageFromArray(voxels)
    image.SetOrigin((geometry.origin + 0.0123456789).tolist())  # NIfTI has single numbers
    image.SetSpacing(geometry.spacing.tolist())
    (tmp_path / "in").mkdir()
    paths = [tmp_path / "in" / f"scan{suffix}" for suffix in (".nrrd", ".nii.gz")]
    for path in paths:
        sitk.WriteImage(image, str(path))
    rows = delivery.deliver(paths, job(tmp_path / "out", model))
    assert [row["status"] for row in rows] == ["done", "done"], rows
    assert rows[0]["folder"] == rows[1]["folder"] and "the same scan is at" in rows[1]["notes"]


def test_masks_of_lunas_layout_are_left_out(tmp_path, model):
    voxels, geometry = models.scan()
    data = tmp_path / "LUNA16"
    for name in ("subset0/2.25.8", "subset0/2.25.8_nodules", "seg-lungs-LUNA16/2.25.8"):
        write_volume(data / f"{name}.mhd", data / f"{name}.raw", voxels, geometry)
    rows = delivery.deliver([data], job(tmp_path / "out", model))
    assert sorted(row["status"] for row in rows) == ["done", "left out", "left out"]
    (row,) = delivery.deliver([data / "subset0/2.25.8_nodules.mhd"], job(tmp_path / "out", model))
    assert row["status"] == "failed" and "it is a mask" in row["notes"]


def test_label_maps_of_earlier_findings_are_left_out(tmp_path, scans, model):
    delivery.deliver([scans / "dcm"], job(scans / "earlier", model))
    rows = delivery.deliver([scans / "earlier", scans / "dcm"], job(tmp_path / "out", model))
    told = {row["name"]: row for row in rows}
    assert told[f"{UID}/{delivery.LABELS}"]["status"] == "failed", "asked for by itself"
    assert "label map of earlier findings" in told[f"{UID}/{delivery.LABELS}"]["notes"]
    rows = delivery.deliver([scans], job(tmp_path / "other", model))
    assert sorted(row["status"] for row in rows) == ["done", "done", "failed", "left out"]


def test_each_scan_of_a_folder_of_many_is_told_with_its_own_folder(tmp_path, scans, model):
    (scans / "patients").mkdir()
    (scans / "dcm").rename(scans / "patients/7")
    rows = delivery.deliver([scans], job(tmp_path / "out", model))
    places = {row["seriesuid"]: row["place"] for row in rows}
    assert places[UID] == str(scans / "patients/7")
    assert places["2.25.8"] == str(scans / "2.25.8.mhd")


def test_two_studies_of_one_series_uid_in_one_folder_do_not_overwrite_each_other(
    tmp_path, scans, model
):
    other = dicom_writing.write_series(tmp_path / "other", *models.scan(()), UID)
    for number, path in enumerate(other):
        dataset = pydicom.dcmread(path)
        dataset.StudyInstanceUID = "2.25.99"
        dataset.save_as(scans / "dcm" / f"other{number}")
    rows = delivery.deliver([scans / "dcm"], job(tmp_path / "out", model))
    assert sorted(row["status"] for row in rows) == ["done", "failed"]


def test_two_scans_of_one_uid_do_not_overwrite_each_other(tmp_path, scans, model):
    out = tmp_path / "out"
    delivery.deliver([scans / "dcm"], job(out, model))
    voxels, geometry = models.scan(())
    dicom_writing.write_series(tmp_path / "other", voxels, geometry, UID)
    (row,) = delivery.deliver([tmp_path / "other"], job(out, model))
    assert row["status"] == "failed"
    assert f"findings of another scan of this UID, {scans / 'dcm'}." in row["notes"]
    done = [r["status"] for r in read(out / delivery.SCANS, delivery.SCAN_COLUMNS)]
    assert sorted(done) == ["done", "failed"]


def test_headers_without_a_patient_still_give_the_other_files(tmp_path, model):
    voxels, geometry = models.scan()
    dicom_writing.write_series(tmp_path / "in", voxels, geometry, UID, patient="")
    (row,) = delivery.deliver([tmp_path / "in"], job(tmp_path / "out", model))
    assert row["status"] == "done" and "lack PatientID" in row["notes"]
    assert not (tmp_path / "out" / UID / delivery.REPORT).exists()
    assert reading.is_uid(UID)


def test_headers_that_highdicom_does_not_like_still_give_the_other_files(
    tmp_path, model, monkeypatch
):
    def failing(*arguments):
        raise AttributeError("no attribute 'PatientSex'\nand more")

    monkeypatch.setattr("nodules.findings.dicom_sr.report", failing)
    dicom_writing.write_series(tmp_path / "in", *models.scan(), UID)
    (row,) = delivery.deliver([tmp_path / "in"], job(tmp_path / "out", model))
    assert row["status"] == "done"
    assert row["notes"].endswith("its headers are odd (no attribute 'PatientSex')")
    there = {path.name for path in (tmp_path / "out" / UID).iterdir()}
    assert not there & {delivery.REPORT, delivery.SEGMENTATION} and delivery.PAGE in there


def test_a_defect_of_ours_is_told_and_the_other_scans_are_done(tmp_path, scans, model):
    def find(scan, tell):
        if scan.uid == UID:
            raise ZeroDivisionError("by nought")
        return predict.predict(scan, model, tell=tell)

    rows = delivery.deliver([scans], delivery.Job(tmp_path / "out", find, "model"))
    told = {row["seriesuid"]: row["notes"] for row in rows}
    assert "failed unexpectedly (ZeroDivisionError: by nought)" in told[UID]
    assert [row["status"] for row in rows].count("done") == 1
