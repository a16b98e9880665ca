"""Data sets of other layouts than LUNA16's: what is read, and what is said of broken ones."""

import gzip
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers import other_layouts as made
from nodules.base import tables
from nodules.base.files import FileDefect, UserError
from nodules.datasets import adopted, adoption
from nodules.datasets.source import SOURCES
from nodules.datasets.sources import case, decathlon, nnunet, table
from nodules.images.metaimage import read_volume
from nodules.images.metaimage_writing import write_volume

LISTED = {"decathlon": decathlon, "nnunet": nnunet, "table": table}
LAYOUTS = {"decathlon": made.decathlon, "nnunet": made.nnunet, "table": made.table}
each_layout = pytest.mark.parametrize("source", LAYOUTS)


def settings(config) -> adoption.Settings:
    names = ("units", "channel", "lesion_labels", "organ_labels", "least_mm")
    return adoption.Settings(**{name: config["dataset"][name] for name in names})


def check(source, folder, **dataset):
    """What the check says of a data set: its sheet, and each defect on a line."""
    config = made.config(source, folder, **dataset)
    listed = LISTED[source].cases(str(folder), config)
    found = [adoption.adopt(one, settings(config)) for one in listed.cases]
    checked = adopted.of_memory(found, listed.told)
    return checked, [
        f"{Path(d.file).name}: {d.reason}. {d.remedy}" for d in checked.defects.itertuples()
    ]


@each_layout
def test_the_same_scans_are_read_from_every_layout(source, tmp_path):
    checked, told = check(source, LAYOUTS[source](tmp_path))
    assert told == []
    assert list(checked.scans["status"]) == ["ok"] * 3
    assert list(checked.nodules.groupby("seriesuid").size()) == [2, 2, 2]
    one, other = checked.nodules.iloc[:2].to_dict("records")
    # Centres by hand, from the grid above: index 3, 14, 14 and 5, 25, 21 of z, y, x.
    assert [one["x"], one["y"], one["z"]] == pytest.approx([-30 - 28, 20 - 28, 112])
    assert [other["x"], other["y"], other["z"]] == pytest.approx([-30 - 42, 20 - 50, 120])
    assert one["diameter_mm"] == pytest.approx((6 / np.pi * 75 * 16) ** (1 / 3))
    assert other["diameter_mm"] == pytest.approx((6 / np.pi * 9 * 16) ** (1 / 3))


def test_a_table_says_whose_a_scan_is_and_which_is_the_test(tmp_path):
    checked, _ = check("table", made.table(tmp_path, scans=5))
    assert list(checked.scans["seriesuid"]) == [f"Scan_{i}" for i in range(5)]
    assert list(checked.scans["patient"]) == [f"person {i}" for i in range(5)]
    assert list(checked.scans["subset"]) == [9, 1, 2, 3, 4]


def test_scans_of_a_patient_are_in_one_subset(tmp_path):
    made.table(tmp_path)
    text = (tmp_path / "scans.csv").read_text().replace("person 2", "person 1")
    (tmp_path / "scans.csv").write_text(
        text.replace(",split", "").replace(",train", "").replace(",test", "")
    )
    config = made.config("table", tmp_path)
    cases = SOURCES["table"].cases(config)
    assert [one.subset for one in cases] == [0, 1, 1]


def test_patients_whose_names_hold_no_latin_letter_are_not_one(tmp_path):
    made.table(tmp_path)
    text = (tmp_path / "scans.csv").read_text()
    for number, name in enumerate(("王芳", "李伟", "王芳")):
        text = text.replace(f"person {number}", name)
    (tmp_path / "scans.csv").write_text(text.replace("test", "train"))
    checked, told = check("table", tmp_path)
    assert told == [] and list(checked.scans["patient"]) == ["王芳", "李伟", "王芳"]


def test_lesions_may_be_places_with_diameters(tmp_path):
    made.table(tmp_path, scans=1)
    (tmp_path / "scans.csv").write_text("scan,image\nScan 0,image 0.nii.gz\n")
    (tmp_path / "lesions.csv").write_text("scan,x,y,z,diameter_mm\nScan 0,-60,-10,112,9.5\n")
    checked, told = check("table", tmp_path)
    assert told == []
    row = checked.nodules.iloc[0].to_dict()
    assert [row[name] for name in ("x", "y", "z", "diameter_mm")] == [-60, -10, 112, 9.5]


def test_what_is_written_is_the_scan_in_the_order_of_the_patient(tmp_path):
    """Against the arrays that went in: the grid above runs to the right and to the front."""
    made.decathlon(tmp_path / "in", scans=1)
    config = made.config("decathlon", tmp_path / "in")
    (one,) = SOURCES["decathlon"].cases(config)
    found = adoption.adopt(one, settings(config), with_organ=True)
    names = ("header", "lesions_header", "organ_header", *adopted.TABLES)
    paths = {name: tmp_path / f"{name}.mhd" for name in names}
    paths |= {name: tmp_path / f"{name}.zraw" for name in ("data", "lesions", "organ")}
    adopted.write(found, paths)
    voxels, grid = read_volume(paths["header"])
    assert np.array_equal(voxels, made.image(0)[:, ::-1, ::-1])
    assert np.allclose(grid.direction, np.eye(3))
    lesions, _ = read_volume(paths["lesions_header"])
    assert np.array_equal(lesions > 0, (made.labels() == 2)[:, ::-1, ::-1])
    assert sorted(np.unique(lesions)) == [0, 1, 2]
    organ, _ = read_volume(paths["organ_header"])
    assert np.array_equal(organ > 0, (made.labels() > 0)[:, ::-1, ::-1])
    sheet = tables.read(paths["scans"], "scans").iloc[0]
    assert (sheet["status"], sheet["n_nodules"], list(sheet["shape"])) == ("ok", 2, [8, 40, 40])


def test_one_scan_in_two_forms_is_found_twice_and_equal_headers_are_not(tmp_path):
    made.table(tmp_path, scans=2)
    for name, seed in (("one", 0), ("two", 1)):
        (tmp_path / name).mkdir()
        files = (tmp_path / name / "scan.mhd", tmp_path / name / "scan.raw")
        write_volume(*files, made.image(seed), made.GRID)
    one, two = (tmp_path / name / "scan.mhd" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes(), "their headers say the same"
    rows = f"a,{one},labels 0.nii.gz\nb,{two},labels 1.nii.gz\n"
    (tmp_path / "scans.csv").write_text(f"scan,image,labels\n{rows}")
    checked, told = check("table", tmp_path)
    assert told == [] and checked.scans["bytes"].min() > 20_000
    (tmp_path / "scans.csv").write_text(
        f"scan,image,labels\n{rows}c,image 0.nii.gz,labels 0.nii.gz\n"
    )
    _, told = check("table", tmp_path)
    assert len(told) == 1 and "scan c is scan a again: their voxels are the same" in told[0]


def test_too_small_a_lesion_is_an_excluded_finding(tmp_path):
    checked, _ = check("decathlon", made.decathlon(tmp_path, scans=1), least_mm=10.0)
    assert len(checked.nodules) == 1 and len(checked.excluded) == 1
    assert checked.excluded["diameter_mm"].iloc[0] < 10 < checked.nodules["diameter_mm"].iloc[0]


def test_what_nnunet_ignores_is_no_lesion(tmp_path):
    made.nnunet(tmp_path, scans=1)
    made.describe(tmp_path, labels={"background": 0, "organ": 1, "lesion": 2, "ignore": 3})
    drawn = made.labels()
    drawn[1:4, 30:36, 30:36] = 3
    made.write(tmp_path / "labelsTr/case_0.nii.gz", drawn)
    checked, told = check("nnunet", tmp_path, lesion_labels=[])
    assert told == [] and len(checked.nodules) == 2
    with pytest.raises(FileDefect, match=r"its label 3 is 'ignore': voxels that nobody labelled"):
        check("nnunet", tmp_path, lesion_labels=[2, 3])


@pytest.mark.parametrize("lesion_labels", [[2], []])
def test_the_organ_holds_its_lesions_however_these_are_named(tmp_path, lesion_labels):
    """No label named as a lesion's means all but the organ's."""
    folder = made.decathlon(tmp_path, scans=1)
    config = made.config("decathlon", folder, lesion_labels=lesion_labels)
    (one,) = SOURCES["decathlon"].cases(config)
    found = adoption.adopt(one, settings(config), with_organ=True)
    assert found.usable and len(found.nodules) == 2
    assert found.organ[found.lesions > 0].all()


def test_values_without_a_unit_are_scaled_whatever_their_scale(tmp_path):
    seen = made.image() + 1024.0
    one = adoption.by_percentiles(seen, "here")
    other = adoption.by_percentiles(seen * 0.013, "here")
    assert np.abs(one.astype(int) - other).max() <= 1
    above = one[seen > seen.min()]
    assert np.percentile(above, 0.5) == pytest.approx(0, abs=1)
    assert np.percentile(above, 99.5) == pytest.approx(1000, abs=1)


def test_values_without_a_unit_that_are_no_number_are_called_so():
    seen = made.image() + 1024.0
    seen[0, 0, 0] = np.nan
    with pytest.raises(FileDefect, match="no number"):
        adoption.by_percentiles(seen, "here")
    with pytest.raises(FileDefect, match="all voxels are the same"):
        adoption.by_percentiles(np.ones((2, 2, 2)), "here")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("case_001", "case_001"),
        ("Müller, left", "M_ller_left"),
        ("../up", "up"),
        ("a_lung", "a-lung"),
        ("NA", "scan_NA"),
        ("", "scan_"),
        ("1.2.840.113619.2", "1.2.840.113619.2"),
        ("x" * 300, "x" * 100),
    ],
)
def test_names_are_safe(said, name):
    assert case.safe(said) == name
    assert re.fullmatch(case.NAME, name)


# Twenty and more broken data sets: what is done to a good one, and what is said.

GZ = ".nii.gz"


def take_out(path):
    return lambda folder: (folder / path).unlink()


def say(**changed):
    return lambda folder: made.describe(folder, **changed)


def put(path, text):
    return lambda folder: (folder / path).write_text(text)


def swap(path, old, new):
    def change(folder):
        text = (folder / path).read_text()
        assert old in text
        (folder / path).write_text(text.replace(old, new))

    return change


def label(voxels=None, grid=made.GRID, name="case_1"):
    drawn = made.labels() if voxels is None else voxels
    return lambda folder: made.write(folder / "labelsTr" / f"{name}{GZ}", drawn, grid)


def changed(value, place=(0, 0, 0)):
    drawn = made.labels()
    drawn[place] = value
    return drawn


def cut_short(folder):
    path = folder / f"imagesTr/case_1{GZ}"
    path.write_bytes(path.read_bytes()[:400])


def voxels_missing(folder):
    path = folder / f"imagesTr/case_1{GZ}"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-100]))


def fractions(folder):
    """Labels of 16 bits with a slope of one half."""
    path = folder / f"labelsTr/case_1{GZ}"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[112:116] = np.float32(0.5).tobytes()
    path.write_bytes(gzip.compress(bytes(content)))


def copied(folder):
    shutil.copy(folder / f"imagesTr/case_0{GZ}", folder / f"imagesTr/case_2{GZ}")


MOVED = replace(made.GRID, origin=made.GRID.origin + np.array([0, 3, 0]))
SMALLER = made.labels()[:, :, :30]
DEFECTS = {  # source, what is done to the data set, part of the sentence
    "no description": ("decathlon", take_out("dataset.json"), "dataset.json: cannot be read"),
    "no JSON": ("decathlon", put("dataset.json", "{"), "it is no JSON"),
    "nothing to train on": ("decathlon", say(training=[]), "`training` is missing or empty"),
    "an entry without label": (
        "decathlon",
        say(training=[{"image": "./imagesTr/case_0.nii.gz"}]),
        "entry 1 of its list `training` lacks an image or a label",
    ),
    "labels without meaning": ("decathlon", say(labels=None), "does not say what its labels mean"),
    "an unknown lesion label": (
        "decathlon",
        say(labels={"0": "background", "1": "organ"}),
        "it knows no label 2; it has 0 background, 1 organ",
    ),
    "another layout's description": (
        "decathlon",
        say(labels={"background": 0, "organ": 1, "lesion": 2}),
        "Set data.source to nnunet",
    ),
    "too few channels": ("decathlon", say(modality={"1": "T2"}), "no channel 0; it has 1 T2"),
    "an image that is not there": (
        "decathlon",
        take_out(f"imagesTr/case_1{GZ}"),
        "scan case_1 has no image: there is no such file",
    ),
    "labels that are not there": (
        "decathlon",
        take_out(f"labelsTr/case_1{GZ}"),
        "scan case_1 has no labels: there is no such file",
    ),
    "an empty file": ("decathlon", put(f"imagesTr/case_1{GZ}", ""), "the file is empty"),
    "a file cut short": ("decathlon", cut_short, "not intact gzip data"),
    "voxels that are missing": ("decathlon", voxels_missing, "100 bytes of voxels are missing"),
    "labels of another size": (
        "decathlon",
        label(SMALLER, replace(made.GRID, shape=SMALLER.shape)),
        "it has 30 x 40 x 8 voxels and its scan 40 x 40 x 8 (x, y, z)",
    ),
    "labels beside the scan": (
        "decathlon",
        label(grid=MOVED),
        "another grid than its scan: voxels lie up to 3.0 mm apart",
    ),
    "a label nobody declared": (
        "decathlon",
        label(changed(7)),
        "it holds the label 7, which the data set does not declare (0, 1, 2)",
    ),
    "labels that are fractions": ("decathlon", fractions, "its labels are not whole numbers"),
    "a scan twice": ("decathlon", copied, "scan case_2 is scan case_0 again"),
    "an image of one value": (
        "decathlon",
        lambda f: made.write(f / f"imagesTr/case_1{GZ}", np.zeros(made.SHAPE, np.int16)),
        "all voxels are 0",
    ),
    "no ending of files": ("nnunet", say(file_ending=None), "it has no file_ending"),
    "a channel that is not there": (
        "nnunet",
        take_out(f"imagesTr/case_1_0000{GZ}"),
        "scan case_1 has no image",
    ),
    "an image without labels": ("nnunet", take_out(f"labelsTr/case_1{GZ}"), "it has no labels"),
    "no folder of labels": (
        "nnunet",
        lambda folder: shutil.rmtree(folder / "labelsTr"),
        "labelsTr: the folder cannot be read",
    ),
    "no table": ("table", take_out("scans.csv"), "scans.csv: cannot be read"),
    "an unknown column": ("table", swap("scans.csv", "labels", "mask"), "unknown column 'mask'"),
    "no column of images": ("table", swap("scans.csv", "image,", "", ), "no column image"),
    "a name twice": ("table", swap("scans.csv", "Scan 2", "Scan 1"), "name Scan_1 is that of"),
    "a name that is empty": ("table", swap("scans.csv", "Scan 1", ""), "line 3: scan is empty"),
    "an unknown split": ("table", swap("scans.csv", "test", "tset"), "split 'tset' is none of"),
    "a patient in both splits": (
        "table",
        swap("scans.csv", "person 1", "person 0"),
        "patient person 0 is in the split 'test', too",
    ),
    "no reference": (
        "table",
        swap("scans.csv", "labels 1.nii.gz", ""),
        "scan Scan 1 has no labels, and there is no lesions.csv",
    ),
    "a place that is no number": (
        "table",
        put("lesions.csv", "scan,x,y,z,diameter_mm\nScan 1,1,2,three,4\n"),
        "line 2: a place or diameter is not a number",
    ),
    "lesions of a scan that is not there": (
        "table",
        put("lesions.csv", "scan,x,y,z,diameter_mm\nScan 9,1,2,3,4\n"),
        "scan Scan 9 is not in scans.csv",
    ),
    "decimal commas": (
        "table",
        put("lesions.csv", "scan,x,y,z,diameter_mm\nScan 1,1,5,2,3,4\n"),
        "line 2: it has more fields than there are columns",
    ),
    "a column twice": (
        "table",
        put("lesions.csv", "scan,x,y,z,diameter_mm,z\nScan 1,1,2,3,4,5\n"),
        "the column 'z' stands twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_told_in_one_sentence(name, tmp_path):
    source, broken, words = DEFECTS[name]
    broken(LAYOUTS[source](tmp_path))
    try:
        checked, told = check(source, tmp_path)
    except UserError as error:
        told = [str(error)]
    else:
        assert checked.defects["fatal"].any(), told
    (line,) = [line for line in told if words in line.replace(str(tmp_path) + "/", "")]
    assert line.partition(". ")[2], "what to do"
    assert "\n" not in line and "Traceback" not in line


def test_a_place_outside_its_scan_is_told(tmp_path):
    made.table(tmp_path, scans=1)
    (tmp_path / "scans.csv").write_text("scan,image\nScan 0,image 0.nii.gz\n")
    (tmp_path / "lesions.csv").write_text("scan,x,y,z,diameter_mm\nScan 0,60,10,112,9.5\n")
    _, told = check("table", tmp_path)
    assert "lesion 1 of scan Scan_0 at 60 10 112 lies outside it" in told[0]
    assert "not RAS" in told[0]


@pytest.mark.parametrize(
    ("source", "broken", "words"),
    [
        ("decathlon", label(np.zeros(made.SHAPE, np.uint16)), "no label but 0"),
        ("decathlon", label(np.minimum(made.labels(), 1)), "no lesion among its labels"),
        ("decathlon", say(numTraining=5), "it says numTraining 5, and its list `training` has 3"),
        ("nnunet", say(numTraining=5), "it says numTraining 5, and labelsTr holds 3"),
    ],
)
def test_what_is_only_odd_is_a_note(source, broken, words, tmp_path):
    broken(LAYOUTS[source](tmp_path))
    checked, told = check(source, tmp_path)
    assert any(words in line for line in told)
    assert not checked.defects["fatal"].any() and (checked.scans["status"] == "ok").all()


def test_numbers_missing_in_the_row_of_names_are_a_note(tmp_path):
    made.nnunet(tmp_path, scans=6)
    for path in (f"imagesTr/case_3_0000{GZ}", f"labelsTr/case_3{GZ}"):
        (tmp_path / path).unlink()
    checked, told = check("nnunet", tmp_path)
    assert any("1 are missing: case_3" in line for line in told)
    assert not checked.defects["fatal"].any()


def test_a_bad_scan_stops_the_plan_or_is_left_out(tmp_path):
    made.decathlon(tmp_path)
    (tmp_path / f"labelsTr/case_1{GZ}").unlink()
    config = made.config("decathlon", tmp_path)
    with pytest.raises(UserError, match="no such file"):
        SOURCES["decathlon"].cases(config)
    config["data"]["on_bad_scan"] = "skip"
    assert [one.name for one in SOURCES["decathlon"].cases(config)] == ["case_0", "case_2"]


def test_directions_that_differ_in_their_ninth_digit_are_the_same_grid(tmp_path):
    """As in MIC-DKFZ/nnUNet, issue 1287."""
    made.decathlon(tmp_path)
    turned = replace(made.GRID, direction=made.GRID.direction + 1e-9)
    label(grid=turned)(tmp_path)
    _, told = check("decathlon", tmp_path)
    assert told == []
