"""Folders and lists that lie otherwise than LUNA16's, and where scans may be that are not found."""

import os

import pytest

from nodules.base.files import UserError
from nodules.datasets import layout, luna16
from nodules.datasets.layout import hint, list_file, subset_folders, subset_number, subset_of


def header(folder, uid="1.2"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uid}.mhd"
    path.write_text(f"ElementDataFile = {uid}.raw\n")
    return path


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("subset4", 4),
        ("Subset04", 4),
        ("SUBSET_4", 4),
        ("subset 4", 4),
        ("subset00", 0),
        ("subset14", None),
        ("subset", None),
        ("my subset4", None),
    ],
)
def test_names_of_subsets(name, number):
    assert subset_number(name) == number


@pytest.mark.parametrize("folder", ["subset4", "Subset4/subset4", "subset04/a/b"])
def test_scans_are_found_and_of_their_subset_wherever_they_lie(tmp_path, folder):
    path = header(tmp_path / folder)
    assert subset_folders(tmp_path) == {4: [path.parent]}
    (scan,) = luna16.found(tmp_path)
    assert (scan.subset, scan.header) == (4, str(path)) and subset_of(path) == 4


def test_of_two_folders_that_mean_a_subset_luna16s_own_counts(tmp_path):
    header(tmp_path / "Subset4", "1.3")
    header(tmp_path / "subset4", "1.2")
    assert [scan.uid for scan in luna16.found(tmp_path)] == ["1.2"]
    header(tmp_path / "subset_5", "1.4")
    header(tmp_path / "Subset5", "1.5")
    assert [scan.uid for scan in luna16.found(tmp_path)] == ["1.2"]
    told = [odd.reason for odd in luna16.remarks(tmp_path)]
    assert told == [
        "left out, since subset4 is there, too",
        "left out, since subset_5 is there, too",
        "left out, since Subset5 is there, too",
    ]


def test_a_folder_that_snakemake_reads_otherwise_is_not_looked_into(tmp_path):
    header(tmp_path / "subset4/{uid}")
    with pytest.raises(UserError, match="no subset0"):
        luna16.found(tmp_path)


def test_a_list_is_taken_where_there_is_one_alone(tmp_path):
    name = "annotations.csv"
    assert list_file(tmp_path, name) == tmp_path / name
    for place in ("deep/er/annotations.csv", "CSVFILES/Annotations.csv", "annotations.csv"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
        assert list_file(tmp_path, name) == tmp_path / place


def test_lists_within_subsets_are_none(tmp_path):
    (tmp_path / "subset1").mkdir()
    (tmp_path / "subset1/annotations.csv").touch()
    assert list_file(tmp_path, "annotations.csv") == tmp_path / "annotations.csv"


@pytest.mark.parametrize(
    ("files", "folder", "said"),
    [
        (["subset3/1.2.mhd"], "subset3", "This folder is a subset itself: name the folder above"),
        (["1.2.mhd"], ".", "The scans lie in the folder itself: move them into a folder subset0"),
        (["LUNA16/subset1/1.2.mhd"], ".", "The subsets lie one folder deeper: name "),
        (["p1/s2/1.dcm"], ".", "There are DICOM files in it: 'luna16 convert' makes scans of them"),
        (["subset0/1.2.nii.gz"], ".", "give what lies there to 'luna16 convert'"),
        (["a/1.2.mha"], ".", "Scans are read as .mhd only"),
        (["subset0.zip"], ".", "There are archives in it: unpack them"),
    ],
)
def test_where_no_scan_is_found_it_is_said_where_they_may_be(tmp_path, files, folder, said):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UserError) as error:
        luna16.found(tmp_path / folder)
    assert said in str(error.value) and "no subset0 .. subset9 with .mhd" in str(error.value)


def test_a_folder_of_anything_gives_no_hint(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert hint(tmp_path) == "" and layout.remarks(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_empty(tmp_path):
    (tmp_path / "subset4").mkdir(mode=0)
    assert subset_folders(tmp_path) == {4: [tmp_path / "subset4"]}
