"""A sheet of scans for a cluster: what it may say, and what is told before any job."""

import pytest

from nodules.base.files import UserError
from nodules.datasets import scan_sheet
from nodules.datasets.scan_sheet import Listed


@pytest.fixture
def sheet(tmp_path):
    """Write a sheet beside a folder, a zip and two volumes, and read it."""
    (tmp_path / "p 7").mkdir()
    for name in ("8.zip", "study.nii.gz", "2.25.1.mhd", "2.25.1.raw", "{x}.zip"):
        (tmp_path / name).write_bytes(b"")
    path = tmp_path / "clinic.csv"

    def read(text):
        path.write_text(text, encoding="utf-8")
        return scan_sheet.read(path)

    return read


def test_scans_have_names_and_paths_relative_to_the_sheet(sheet, tmp_path):
    text = "\ufeffscan, name,series\np 7,,\n8.zip,eight,1.2.3\n study.nii.gz ,,\n2.25.1.mhd,,\n"
    assert sheet(text) == [
        Listed("p_7", tmp_path / "p 7", ""),
        Listed("eight", tmp_path / "8.zip", "1.2.3"),
        Listed("study", tmp_path / "study.nii.gz", ""),
        Listed("2.25.1", tmp_path / "2.25.1.mhd", ""),
    ]


def test_the_one_column_is_enough(sheet, tmp_path):
    assert sheet("scan\n8.zip\n") == [Listed("8", tmp_path / "8.zip", "")]


def test_a_headers_voxels_are_a_file_of_the_job(tmp_path):
    header = tmp_path / "2.25.1.mhd"
    header.write_text("ElementDataFile = other.raw\n")
    assert Listed("a", header, "").files == [str(header), str(tmp_path / "other.raw")]
    assert Listed("a", tmp_path / "8.zip", "").files == [str(tmp_path / "8.zip")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it has no column scan. A sheet is a CSV"),
        ("path\n8.zip\n", "it has path. A sheet"),
        ("scan\n", "it lists no scan"),
        ("scan,name\n,x\n", "clinic.csv, line 2: it names no scan"),
        ("scan\n8.zip\nnone.zip\n", "line 3: there is no 'none.zip' there. Correct the path"),
        ("scan,name\n8.zip,a\np 7,a\n", "line 3: the name a stands on line 2, too. Give each"),
        ("scan,name\n8.zip,../x\n", "line 2: the name '../x' is none for a folder"),
        ("scan,name\n8.zip,a,\np 7,b,c\n", "line 3: it has more fields than there are columns"),
        ("scan,name\n{x}.zip,a\n", "line 2: Snakemake takes a part of"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(sheet, text, told):
    with pytest.raises(UserError) as raised:
        sheet(text)
    assert told in str(raised.value)


def test_a_sheet_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match=r"predict.scans .*none.csv: cannot be read \(No such file"):
        scan_sheet.read(tmp_path / "none.csv")
