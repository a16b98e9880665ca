"""`luna16 convert`: what is written, gone past, done again or not, and told."""

import os
import re
import shutil
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk

from helpers import dicom_files as made
from nodules.base.files import UserError
from nodules.cli import main as cli
from nodules.cli import output
from nodules.datasets import check, conversion, conversion_text, luna16
from nodules.images import metaimage, reading, source_files

HU = made.noise()
OTHER = {"StudyInstanceUID": "1.2.4", "SeriesInstanceUID": "1.2.4.4"}


@pytest.fixture
def clinic(tmp_path):
    """A folder with a DICOM study, a zip of another, a NIfTI, a study of X-rays, a broken file."""
    folder = tmp_path / "clinic"
    made.write(folder / "one", made.series(HU))
    made.write(folder / "two", made.series(HU + 1, **OTHER))
    with zipfile.ZipFile(folder / "two.zip", "w") as archive:
        for path in sorted((folder / "two").iterdir()):
            archive.write(path, path.name)
            path.unlink()
    x_ray = {"StudyInstanceUID": "1.2.5", "SeriesInstanceUID": "1.2.5.5", "Modality": "DX"}
    made.write(folder / "x_ray", made.series(HU[:1], **x_ray))
    image = sitk.GetImageFromArray(HU + 2)
    image.SetSpacing((0.7, 0.8, 2.5))
    sitk.WriteImage(image, str(folder / "three.nii.gz"))
    (folder / "broken.nii").write_bytes(b"x")
    return folder


def run(*words, expect: int) -> None:
    assert cli.main(["convert", *map(str, words)]) == expect


def test_a_header_without_its_voxels_does_not_stop_the_others(tmp_path, capsys):
    image = sitk.GetImageFromArray(HU)
    image.SetSpacing((0.7, 0.8, 2.5))
    sitk.WriteImage(image, str(tmp_path / "good.nii.gz"))
    sitk.WriteImage(image, str(tmp_path / "alone.mhd"))
    (tmp_path / "alone.raw").unlink()
    run(tmp_path / "alone.mhd", tmp_path / "good.nii.gz", "--out", tmp_path / "out", expect=1)
    found = statuses(tmp_path / "out")
    assert found == {"alone.mhd": "failed", "good.nii.gz": "written"}
    assert "alone.raw" in capsys.readouterr().err


def statuses(out) -> dict[str, str]:
    return {row["name"]: row["status"] for row in conversion.read_table(out / conversion.SCANS)}


def test_a_folder_of_many_goes_on_past_a_defective_one(clinic, tmp_path, capsys):
    out = tmp_path / "out"
    run(clinic, "--out", out, expect=1)
    assert statuses(out) == {
        "1.2.3.4": "written",
        "1.2.4.4": "written",
        "three.nii.gz": "written",
        "1.2.5.5": "left out",
        "broken.nii": "failed",
    }
    told = capsys.readouterr()
    assert "scans in LUNA16's layout: 3, failed: 1, left out: 1" in told.out
    assert re.fullmatch(r"luna16: \S+broken.nii: it is no NIfTI file. .*\n", told.err)
    made_uid = reading.made_uid(HU + 2)
    written = sorted(path.name for path in (out / "subset0").iterdir())
    uids = ("1.2.3.4", "1.2.4.4", made_uid)
    assert written == sorted(f"{uid}.{end}" for uid in uids for end in ("mhd", "raw"))
    voxels, grid = metaimage.read_volume(out / "subset0/1.2.3.4.mhd")
    assert np.array_equal(voxels, HU) and np.allclose(grid.origin, made.ORIGIN)
    assert not (out / conversion.UNFINISHED).exists()


def test_a_defect_of_ours_does_not_stop_the_others(clinic, tmp_path, monkeypatch):
    judged, check_scan = [], check.check_scan

    def failing(*given, **more):
        judged.append(given)
        return check_scan(*given, **more) if len(judged) > 1 else 1 / 0

    monkeypatch.setattr(check, "check_scan", failing)
    rows = conversion.convert([clinic], conversion.Job(tmp_path / "out"), lambda row, new: None)
    unexpected = [row for row in rows if "failed unexpectedly (ZeroDivisionError" in row["notes"]]
    assert [row["status"] for row in unexpected] == ["failed"]
    assert any(row["status"] == "written" for row in rows)


def test_what_is_written_passes_the_check(clinic, tmp_path):
    out = tmp_path / "out"
    run(clinic / "one", "--out", out, "--empty-lists", expect=0)
    headers = [scan.header for scan in luna16.found(out)]
    checked = check.check_folder(out, headers, {})
    assert not checked.defects["fatal"].any()
    assert checked.scans["status"].tolist() == ["ok"]


def test_lists_that_are_there_are_kept(clinic, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "annotations.csv").write_text("mine")
    run(clinic / "one", "--out", out, "--empty-lists", expect=0)
    assert (out / "annotations.csv").read_text() == "mine"
    assert "diameter_mm" in (out / "annotations_excluded.csv").read_text()


def test_started_again_only_what_is_missing_or_changed_is_done(clinic, tmp_path, capsys):
    out = tmp_path / "out"
    run(clinic, "--out", out, expect=1)
    before = {path: path.stat().st_mtime_ns for path in (out / "subset0").iterdir()}
    (out / "subset0/1.2.4.4.raw").unlink()
    image = sitk.GetImageFromArray(HU + 3)
    image.SetSpacing((0.7, 0.8, 2.5))
    sitk.WriteImage(image, str(clinic / "broken.nii"))  # mended
    capsys.readouterr()
    run(clinic, "--out", out, expect=0)
    told = capsys.readouterr().out
    assert told.count("there: ") == 2 and told.count("written: ") == 2
    assert statuses(out)["broken.nii"] == "written"
    kept = {p: t for p, t in before.items() if "1.2.4.4" not in p.name}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    made.write(clinic / "one", made.series(HU - 7))
    run(clinic, "--out", out, expect=0)
    assert np.array_equal(metaimage.read_volume(out / "subset0/1.2.3.4.mhd")[0], HU - 7)


def test_changed_voxels_beside_a_header_are_noticed(tmp_path):
    image = sitk.GetImageFromArray(HU)
    image.SetSpacing((0.7, 0.8, 2.5))
    sitk.WriteImage(image, str(tmp_path / "scan.nhdr"))
    (voxels,) = tmp_path.glob("scan.raw*")
    run(tmp_path / "scan.nhdr", "--out", tmp_path / "out", expect=0)
    (before,) = conversion.read_table(tmp_path / "out" / conversion.SCANS)
    voxels.write_bytes((HU - 3).tobytes())
    run(tmp_path / "scan.nhdr", "--out", tmp_path / "out", expect=0)
    (after,) = conversion.read_table(tmp_path / "out" / conversion.SCANS)
    assert after["seriesuid"] == reading.made_uid(HU - 3) != before["seriesuid"]


def test_a_scan_of_earlier_content_is_told_of(clinic, tmp_path):
    out = tmp_path / "out"
    run(clinic / "three.nii.gz", "--out", out, expect=0)
    image = sitk.GetImageFromArray(HU + 3)
    image.SetSpacing((0.7, 0.8, 2.5))
    sitk.WriteImage(image, str(clinic / "three.nii.gz"))
    run(clinic / "three.nii.gz", "--out", out, expect=0)
    (row,) = conversion.read_table(out / conversion.SCANS)
    before = f"subset0/{reading.made_uid(HU + 2)}.mhd"
    assert row["notes"] == f"{before}, of the file as it was before, is still there"


def test_the_same_scan_from_two_sources_is_written_once(clinic, tmp_path):
    out = tmp_path / "out"
    run(clinic / "one", clinic, "--out", out, expect=1)
    rows = conversion.read_table(out / conversion.SCANS)
    notes = [row["notes"] for row in rows if row["seriesuid"] == "1.2.3.4"]
    assert notes == ["", "the same scan was there before"]


def test_the_same_scan_given_twice_counts_as_one(clinic, tmp_path, capsys):
    scan, out = clinic / "one", tmp_path / "out"
    shutil.copytree(scan, tmp_path / "copy")
    run(scan, clinic / "../clinic/one", tmp_path / "copy", "--out", out, expect=0)
    told = capsys.readouterr().out
    assert "scans in LUNA16's layout: 1, failed: 0" in told
    assert len(conversion.read_table(out / conversion.SCANS)) == 2, "the copy has a row of its own"


def test_a_scan_that_is_there_moves_into_the_subset_that_is_asked_for(clinic, tmp_path, capsys):
    scan, out = clinic / "one", tmp_path / "out"
    run(scan, "--out", out, expect=0)
    run(scan, "--out", out, "--subset", "3", expect=0)
    assert "written: subset3/1.2.3.4.mhd" in capsys.readouterr().out
    run(scan, "--out", out, expect=0)  # it stays where it is
    made.write(scan, made.series(HU + 1))
    run(scan, "--out", out, "--subset", "5", expect=0)
    files = sorted(str(path.relative_to(out)) for path in out.glob("subset*/*"))
    assert files == ["subset5/1.2.3.4.mhd", "subset5/1.2.3.4.raw"]
    assert np.array_equal(metaimage.read_volume(out / files[0])[0], HU + 1)


def test_another_scan_of_a_uid_is_refused(clinic, tmp_path, capsys):
    made.write(tmp_path / "other", made.series(HU - 1))
    run(clinic / "one", tmp_path / "other", "--out", tmp_path / "out", expect=1)
    assert "another scan of the UID 1.2.3.4 is at" in capsys.readouterr().err
    assert np.array_equal(metaimage.read_volume(tmp_path / "out/subset0/1.2.3.4.mhd")[0], HU)


def test_another_scan_of_a_uid_is_refused_however_often_it_is_given(clinic, tmp_path):
    made.write(tmp_path / "other", made.series(HU - 1))
    for _ in range(3):
        run(clinic / "one", tmp_path / "other", "--out", tmp_path / "out", expect=1)
    assert np.array_equal(metaimage.read_volume(tmp_path / "out/subset0/1.2.3.4.mhd")[0], HU)


def test_a_scan_that_two_sources_have_is_not_replaced_by_what_one_of_them_becomes(clinic, tmp_path):
    scan, copy, out = clinic / "one", tmp_path / "copy", tmp_path / "out"
    shutil.copytree(scan, copy)
    run(scan, copy, "--out", out, expect=0)
    for path in sorted(copy.iterdir())[-3:]:
        path.unlink()
    run(scan, copy, "--out", out, expect=1)
    assert np.array_equal(metaimage.read_volume(out / "subset0/1.2.3.4.mhd")[0], HU)


@pytest.mark.parametrize("name", ["1", "001", "2023.11.05"])
def test_a_number_in_a_file_s_name_is_no_uid(tmp_path, name):
    """Two patients' files may well be called the same."""
    for patient in (1, 2):
        (tmp_path / f"in/{patient}").mkdir(parents=True)
        image = sitk.GetImageFromArray(HU + patient)
        image.SetSpacing((0.7, 0.8, 2.5))
        sitk.WriteImage(image, str(tmp_path / f"in/{patient}/{name}.nii.gz"))
    run(tmp_path / "in", "--out", tmp_path / "out", expect=0)
    uids = {row["seriesuid"] for row in conversion.read_table(tmp_path / "out" / conversion.SCANS)}
    assert uids == {reading.made_uid(HU + 1), reading.made_uid(HU + 2)}


@pytest.mark.parametrize("study", ["", "1.2.99"], ids=["no UID", "a UID for all"])
def test_patients_whose_study_an_anonymiser_made_one_stay_apart(tmp_path, study):
    for k in range(3):
        own = {"StudyInstanceUID": study, "SeriesInstanceUID": f"1.2.7.{k}", "PatientID": f"P{k}"}
        made.write(tmp_path / f"in/{k}", made.series(HU + k, **own))
    run(tmp_path / "in", "--out", tmp_path / "out", expect=0)
    written = sorted(path.stem for path in (tmp_path / "out/subset0").glob("*.mhd"))
    assert written == ["1.2.7.0", "1.2.7.1", "1.2.7.2"]


def test_what_the_check_would_refuse_is_not_written(tmp_path, capsys):
    made.write(tmp_path / "in", made.series(abs(HU)))
    run(tmp_path / "in", "--out", tmp_path / "out", expect=1)
    assert "no air: the lowest voxel is" in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("*.raw"))


def test_series_are_listed_with_reasons_and_chosen(tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    made.write(folder, made.series(HU))
    thick = {"SeriesInstanceUID": "1.2.3.1", "SeriesDescription": "Mediastinum"}
    places = made.positions(len(HU), 5.0)
    made.write(folder, made.series(HU, places, **thick), [f"b{i}" for i in range(len(HU))])
    run(folder, "--list", expect=0)
    told = capsys.readouterr().out
    assert "- 1.2.3.4  CT STANDARD, 14 x 22 x 26, every 2.5 mm: it covers 32 mm alone" in told
    assert "* 1.2.3.1  CT STANDARD Mediastinum, 14 x 22 x 26, every 5 mm: the best" in told
    assert not out.exists()
    run(folder, "--series", "1.2.3.4", "--out", out, "--subset", 3, expect=0)
    assert (out / "subset3/1.2.3.4.mhd").is_file()
    rows = {r["series"]: r for r in conversion.read_table(out / conversion.SERIES)}
    assert [(r["chosen"], r["reason"]) for r in rows.values()] == [
        ("yes", "asked for"),
        ("no", "another was asked for"),
    ]
    run(folder, "--series", "9.9", "--out", out, expect=1)
    assert "no series 9.9 in it. `luna16 convert --list` names its series." in (
        capsys.readouterr().err
    )


def test_what_was_done_to_a_scan_is_in_the_table(tmp_path):
    places = made.positions(len(HU), [2.5] * 7 + [5.0] * 6)
    made.write(tmp_path / "in", made.series(HU, places))
    run(tmp_path / "in", "--out", tmp_path / "out", expect=0)
    (row,) = conversion.read_table(tmp_path / "out" / conversion.SCANS)
    assert row["slices"] == "20" and "resampled every 2.5 mm" in row["notes"]
    assert row["hu_min"] == str(HU.min())


def test_folders_are_found_through_links_and_once(clinic, tmp_path):
    """As on a cluster, where scans lie elsewhere; a link to itself is no way round and round."""
    scans = tmp_path / "in"
    scans.mkdir()
    (scans / "patient").symlink_to(clinic / "one")
    (scans / "again").symlink_to(clinic / "one")
    (scans / "round").symlink_to(scans)
    run(scans, "--out", tmp_path / "out", expect=0)
    (row,) = conversion.read_table(tmp_path / "out" / conversion.SCANS)
    assert row["status"] == "written" and "slices" not in row["notes"]


def test_a_folder_with_a_hidden_name_and_a_link_to_it_is_found_by_the_link(clinic, tmp_path):
    scans = tmp_path / "in"
    shutil.copytree(clinic / "one", scans / ".store")
    (scans / "shown").symlink_to(scans / ".store")
    run(scans, "--out", tmp_path / "out", expect=0)
    assert list(statuses(tmp_path / "out").values()) == ["written"]


def test_a_list_of_a_bad_source_says_so(tmp_path):
    text, status = conversion_text.listed([tmp_path / "absent"])
    assert status == 1 and "no such file or folder" in text


@pytest.mark.parametrize("beside", ["three.nii.gz", "two.zip"])
def test_a_folder_that_may_not_be_listed_is_a_failure(
    clinic, tmp_path, monkeypatch, capsys, beside
):
    """A NIfTI has no notes on what lies beside it, and a folder of zips is no source itself."""
    patients = tmp_path / "in"
    (patients / "closed").mkdir(parents=True)
    shutil.copy(clinic / beside, patients)
    walk = os.walk

    def closed(folder, onerror=None, **options):
        if onerror and folder == patients:
            onerror(PermissionError(13, "Permission denied", str(patients / "closed")))
        return walk(folder, onerror=onerror, **options)

    monkeypatch.setattr(source_files.os, "walk", closed)
    run(patients, "--out", tmp_path / "out", expect=1)
    assert "written" in statuses(tmp_path / "out").values()
    assert "closed: cannot be read" in capsys.readouterr().err
    run(patients, "--list", expect=1)
    assert "closed: cannot be read" in capsys.readouterr().out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_stops_all(clinic, tmp_path, capsys):
    (tmp_path / "out").mkdir(mode=0o500)
    run(clinic, "--out", tmp_path / "out", expect=2)
    assert "cannot be written" in capsys.readouterr().err


def test_a_file_in_the_place_of_the_folder_stops_all(clinic, tmp_path, capsys):
    (tmp_path / "out").touch()
    run(clinic, "--out", tmp_path / "out", expect=2)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_within_the_scans_is_refused(clinic, capsys):
    run(clinic, "--out", clinic / "out", expect=2)
    assert "it lies within" in capsys.readouterr().err
    assert not (clinic / "out").exists()


def test_nothing_is_left_by_halves_when_the_disk_is_full(clinic, tmp_path, monkeypatch):
    def full(*_):
        raise UserError("the disk is full")

    monkeypatch.setattr(conversion, "write_volume", full)
    run(clinic / "one", "--out", tmp_path / "out", expect=2)
    assert not list((tmp_path / "out").rglob("1.2.3.4*"))


@pytest.mark.parametrize("package", ["pydicom", "SimpleITK"])
def test_a_missing_package_is_one_sentence(tmp_path, monkeypatch, capsys, package):
    monkeypatch.setattr(output, "find_spec", lambda name: None if name == package else True)
    run(tmp_path, "--list", expect=2)
    told = f"luna16: luna16 convert needs {package}. Install it: pip install {package}\n"
    assert capsys.readouterr().err == told


def test_help_teaches_with_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["convert", "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.count("  luna16 convert ") == 3
