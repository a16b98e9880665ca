"""LUNA16's lists: tolerated forms, and rows that cannot be true."""

import numpy as np
import pytest

from nodules.datasets import luna16_lists
from nodules.images.geometry import Geometry

HEAD = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"
BOX = Geometry.build((0, 0, 0), (1, 1, 2), np.eye(3), (10, 20, 30))


@pytest.fixture
def read(tmp_path):
    """Read a list of a given text; gives its rows and defects."""

    def read(name, text, found=("1.2.3",)):
        (tmp_path / luna16_lists.LISTS[name].file).write_bytes(text.encode())
        return luna16_lists.read_list(tmp_path, name, found)

    return read


@pytest.mark.parametrize(
    "text", [HEAD, "\ufeff" + HEAD.replace("\n", "\r\n")], ids=["", "BOM, CRLF"]
)
def test_rows_keep_their_lines(read, text):
    end = text[len(text.rstrip()) :]
    rows, defects = read("nodules", text + f"1.2.3,1,2,3,4{end}{end}1.2.4,5,6,7,8{end}")
    assert rows[["seriesuid", "x", "diameter_mm", "line"]].values.tolist() == [
        ["1.2.3", 1, 4, 2],
        ["1.2.4", 5, 8, 4],
    ]
    assert defects == []


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("nodules", "1.2.3,0,0,0,0", "diameter_mm 0 is impossible"),
        ("nodules", "1.2.3,0,0,0,-1", "diameter_mm -1 is impossible"),
        ("nodules", "1.2.3,0,0,0,101", "diameter_mm 101 is impossible"),
        ("excluded", "1.2.3,0,0,0,101", "diameter_mm 101 is impossible"),
        ("locations", "1.2.3,0,0,0,2", "class 2 is impossible"),
        ("locations", "1.2.3,0,0,0,", "class is empty"),
    ],
)
def test_an_impossible_row_is_left_out_and_told(read, name, row, reason):
    rows, (defect,) = read(name, HEAD.replace("diameter_mm", luna16_lists.LISTS[name].value) + row)
    assert rows.empty
    assert defect["reason"] == reason
    assert defect["file"].endswith("line 2")
    assert defect["fatal"] == (name != "locations")


def test_an_excluded_finding_may_have_no_diameter(read):
    rows, defects = read("excluded", HEAD + "1.2.3,0,0,0,-1\n")
    assert (len(rows), defects) == (1, [])


def test_only_candidates_may_be_missing(tmp_path):
    told = {name: luna16_lists.read_list(tmp_path, name, [])[1] for name in luna16_lists.LISTS}
    assert [len(told[name]) for name in ("nodules", "excluded", "locations")] == [1, 1, 0]


def test_a_point_is_outside_beyond_the_outer_faces_of_the_voxels(read, tmp_path):
    rows, _ = read("nodules", HEAD + "1.2.3,-0.4,0,-0.9,4\n1.2.3,-0.6,0,0,4\n1.2.9,99,99,99,4\n")
    (defect,) = luna16_lists.outside(tmp_path, rows, {"1.2.3": BOX}, fatal=True)
    assert defect["file"].endswith("line 3")


def test_candidates_of_other_scans_are_not_stored_but_nodules_are(read):
    rows, _ = read("locations", HEAD.replace("diameter_mm", "class") + "1.2.3,0,0,0,1\n9,0,0,0,0\n")
    table = luna16_lists.as_table("locations", rows, ["1.2.3"])
    assert table["label"].tolist() == [1]
    rows, _ = read("nodules", HEAD + "9,0,0,0,4\n1.2.3,0,0,0,4\n9,1,0,0,4\n")
    assert luna16_lists.as_table("nodules", rows, ["1.2.3"])["nodule"].tolist() == [1, 1, 2]
