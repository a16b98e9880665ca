"""`luna16 follow-up` as a person runs it."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import followed, models
from nodules.base import tables
from nodules.cli import follow_up as cli_follow_up
from nodules.cli import main as cli
from nodules.images import dicom_writing, reading
from nodules.images.metaimage_writing import write_volume

RESEARCH = "not for diagnosis"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two scans of one patient, a mirrored one, and a list of findings."""
    place = tmp_path_factory.mktemp("scans")
    patient = followed.patient()
    rows = [("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")]
    for time in (patient.prior, patient.current):
        write_volume(place / f"{time.uid}.mhd", place / f"{time.uid}.raw", time.hu, time.geometry)
        rows += [(time.uid, *spot.world, spot.diameter_mm) for spot in time.spots]
    turned = np.ascontiguousarray(patient.prior.hu[:, :, ::-1])
    write_volume(place / "2.25.8.mhd", place / "2.25.8.raw", turned, patient.prior.geometry)
    with (place / "list.csv").open("w") as stream:
        csv.writer(stream).writerows(rows)
    return place


@pytest.fixture
def luna16(folder, tmp_path, monkeypatch, capfd):
    """Run `luna16 follow-up` on scans of the folder; gives status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, findings="list.csv"):
        scans = [folder / f"{name}.mhd" if name.startswith("2.25") else name for name in arguments]
        command = ["follow-up", *map(str, scans), "--findings", str(folder / findings)]
        status = cli.main([*command, "--out", "out"])
        return status, *capfd.readouterr()

    return run


def test_two_scans_are_compared_and_everything_is_written(luna16):
    status, out, err = luna16("2.25.1", "2.25.2", "--dates", "2021-01-01", "2021-07-01")
    assert status == 0 and "compare 2.25.1 and 2.25.2" in err
    assert "2 at both times, 1 new, 1 gone" in out and RESEARCH in out
    assert "grown: volume +" in out and "doubles in" in out
    names = {"pairs.csv", "pairs.parquet", "follow_up.json", "follow_up.html"}
    assert {path.name for path in Path("out").iterdir()} == names | {
        "trajectories.svg",
        "trajectories.png",
    }
    rows = tables.read("out/pairs.parquet", "follow_up")
    assert sorted(rows["state"]) == ["gone", "matched", "matched", "new"]
    assert list(pd.read_csv("out/pairs.csv")["state"]) == list(rows["state"])
    for cell in [*rows["lung_rads"], *rows["fleischner"]]:
        assert cell == "" or RESEARCH in cell
    page = Path("out/follow_up.html").read_text()
    assert (
        "Lung-RADS" in page and RESEARCH in page and "http" not in page.split("</style>")[1][:200]
    )


def test_the_json_links_both_scans_for_the_viewer(luna16):
    luna16("2.25.1", "2.25.2", "--dates", "2021-01-01", "2021-07-01")
    told = json.loads(Path("out/follow_up.json").read_text())
    (pair,) = told["pairs"]
    assert RESEARCH in told["research"] and pair["days"] == 181
    patient = followed.patient()
    made = pair["registration"]
    there, back = made["prior_to_current"], made["current_to_prior"]
    point = np.array(patient.second["same"].centre)
    prior = np.array(back["matrix"]) @ point + back["offset"]
    assert np.linalg.norm(prior - patient.first["same"].centre) < 8  # affine alone
    again = np.array(there["matrix"]) @ prior + there["offset"]
    assert np.linalg.norm(again - point) < 8
    for link in pair["links"]:
        assert link["told"] and (link["prior_finding"] or link["current_finding"])
        assert all(isinstance(link[f"{time}_{axis}"], float) for time in ("prior", "current")
                   for axis in "xyz")  # fmt: skip
    assert [len(chain) for chain in told["trajectories"]] == [2, 2]


def test_findings_come_from_a_model(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    file = models.make_model(tmp_path / "model")
    hu, grid = models.scan()
    for name, moved in (("2.25.1", hu), ("2.25.2", np.roll(hu, 2, axis=2))):
        write_volume(tmp_path / f"{name}.mhd", tmp_path / f"{name}.raw", moved, grid)
    command = ["follow-up", "2.25.1.mhd", "2.25.2.mhd", "--model", str(file), "--device", "cpu"]
    status = cli.main([*command, "--out", "out", "--quiet"])
    out, err = capfd.readouterr()
    rows = tables.read("out/pairs.parquet", "follow_up")
    assert len(rows) and rows["prior_finding"].max() > 0 and out == ""
    # A chest drawn without vessels may be too smooth to be sure of: then that is what is said.
    assert status == int("not compared" in err) == int((rows["state"] == "not compared").all())


def test_scans_are_put_in_the_order_of_their_days(luna16):
    status, out, err = luna16("2.25.2", "2.25.1", "--dates", "2021-07-01", "2021-01-01")
    assert status == 0 and "2.25.1 to 2.25.2" in out and "put in the order of their days" in err


def test_of_two_like_series_one_is_chosen(luna16):
    """Two series of one study, such as two reconstructions: neither is the better one."""
    import pydicom

    patient = followed.patient()
    for time in (patient.prior, patient.current):
        for uid in (time.uid, f"{time.uid}.1"):
            for path in dicom_writing.write_series(Path(uid), time.hu, time.geometry, uid):
                image = pydicom.dcmread(path)
                image.StudyInstanceUID, image.PatientID = f"{time.uid}.9", "a"
                home = Path("in", time.uid)
                home.mkdir(parents=True, exist_ok=True)
                image.save_as(home / f"{uid}_{path.name}")
    status, _, err = luna16("in/2.25.1", "in/2.25.2")
    assert status == 2 and "Choose with --series UID" in err
    status, _, err = luna16("in/2.25.1", "in/2.25.2", "--series=2.25.1", "--series=2.25.3")
    assert status == 2 and "--series 2.25.3: no scan has it" in err
    status, out, _ = luna16("in/2.25.1", "in/2.25.2", "--series=2.25.1", "--series=2.25.2")
    assert status == 0 and "2.25.1 to 2.25.2" in out


def test_where_only_some_days_are_known_they_may_not_contradict_the_order(luna16, folder):
    """A nodule that grew would else be said to halve: its days would be counted backwards."""
    import pydicom

    days = {"2.25.1": "20210701", "2.25.2": "20210101", "2.25.8": ""}
    for uid, day in days.items():
        read = reading.read(folder / f"{uid}.mhd")
        for path in dicom_writing.write_series(Path(uid), read.voxels, read.geometry, uid):
            image = pydicom.dcmread(path)
            image.StudyDate = image.AcquisitionDate = image.SeriesDate = image.ContentDate = day
            image.save_as(path)
    status, out, err = luna16("./2.25.1", "./2.25.2", "./2.25.8")
    assert (status, out) == (2, "") and not Path("out").exists()
    assert "2.25.1: 2021-07-01, 2.25.2: 2021-01-01, 2.25.8: unknown" in err


def test_without_days_no_doubling_time_is_told(luna16):
    _, out, err = luna16("2.25.1", "2.25.2")
    assert "no doubling time: the dates are not known" in out and "not all days are known" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("2.25.1", "2.25.1"), "A scan is given twice"),
        (("2.25.1", "2.25.8"), "mirror image"),
        (("2.25.1", "absent.mhd"), "no such file"),
        (("2.25.1", "2.25.2", "--dates", "2021-01-01"), "1 days for 2 scans"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(luna16, arguments, told):
    status, out, err = luna16(*arguments)
    assert (status, out) == (2, "") and told in err.splitlines()[-1]
    assert not Path("out").exists()


def test_lists_of_other_scans_are_told_of_instead_of_finding_nothing(luna16, folder):
    """As of a volume file, whose UID the user cannot know."""
    (folder / "other.csv").write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\n1.2.3,1,2,3,4\n")
    status, out, err = luna16("2.25.1", "2.25.2", findings="other.csv")
    assert (status, out) == (2, "")
    assert "the lists name 1.2.3, but the scans are 2.25.1, 2.25.2" in err
    assert not Path("out").exists()


def test_a_day_that_is_none_is_refused(luna16, capfd):
    with pytest.raises(SystemExit):
        luna16("2.25.1", "2.25.2", "--dates", "1.1.2021", "2021-07-01")
    assert "'1.1.2021' is not a date" in capfd.readouterr().err


def test_dicom_tells_days_kernels_and_patients(luna16, folder):
    import pydicom

    patient = followed.patient()
    for time, day, who in ((patient.prior, "20210101", "a"), (patient.current, "20210701", "b")):
        for path in dicom_writing.write_series(Path(time.uid), time.hu, time.geometry, time.uid):
            image = pydicom.dcmread(path)
            image.StudyDate, image.PatientID, image.ConvolutionKernel = day, who, f"B{who}"
            image.AcquisitionDate = image.SeriesDate = image.ContentDate = day
            image.save_as(path)
    status, _, err = luna16("./2.25.1", "./2.25.2")
    assert status == 2 and "the headers name two patients" in err
    status, out, _ = luna16("./2.25.1", "./2.25.2", "--same-patient")
    assert status == 0 and "no doubling time: the kernels differ (Ba and Bb)" in out
    told = json.loads(Path("out/follow_up.json").read_text())["pairs"][0]
    assert told["days"] == 181
    assert "PatientID" not in Path("out/follow_up.json").read_text()  # nobody is named


def test_the_help_teaches_with_three_examples(capsys):
    with pytest.raises(SystemExit):
        cli.main(["follow-up", "--help"])
    text = capsys.readouterr().out
    assert text.count("\n  luna16 follow-up ") == 3 and "Not a medical device" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_missing_package_is_named(luna16, monkeypatch):
    monkeypatch.setattr(cli_follow_up, "PACKAGES", ("numpy", "no_such_package"))
    status, _, err = luna16("2.25.1", "2.25.2")
    assert status == 2 and "needs no_such_package" in err and "luna16-nodules[follow-up]" in err
