"""LUNA16's CSV files: what is tolerated, and the line named for what is not."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodules.base.files import UserError
from nodules.datasets import luna16_lists, points_csv

HEADER = "seriesuid,coordX,coordY,coordZ,probability\n"
SCANS = ["1.2.3", "1.2.4"]


def written(tmp_path, text):
    path = tmp_path / "marks.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(tmp_path, text):
    return points_csv.read_submission(written(tmp_path, text), SCANS)


def as_lists(columns):
    return {name: column.tolist() for name, column in columns.items()}


EXPECTED = {
    "seriesuid": ["1.2.3", "1.2.4"],
    "x": [1.5, -2.0],
    "y": [2.5, 0.0],
    "z": [-3.5, 1e-3],
    "probability": [0.9, 0.1],
}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HEADER + "1.2.3,1.5,2.5,-3.5,0.9\n1.2.4,-2,0,1e-3,0.1\n", id="plain"),
        pytest.param(HEADER + "1.2.3,1.5,2.5,-3.5,0.9\n1.2.4,-2,0,1e-3,0.1", id="no last newline"),
        pytest.param(
            b"\xef\xbb\xbf"
            + (HEADER + "1.2.3,1.5,2.5,-3.5,0.9\n1.2.4,-2,0,1e-3,0.1\n")
            .replace("\n", "\r\n")
            .encode(),
            id="byte-order mark and CRLF",
        ),
        pytest.param(
            "probability, coordZ,coordY,coordX,note,seriesuid\n"
            '0.9,-3.5,2.5,1.5,"a, b",1.2.3\n\n,,,,,\n0.1, 1e-3,0,-2,, 1.2.4 \n',
            id="other order, more columns, quotes, spaces, blank lines",
        ),
    ],
)
def test_tolerated_forms_read_alike(tmp_path, text):
    assert as_lists(read(tmp_path, text)) == EXPECTED


def test_a_header_alone_is_a_submission_without_marks(tmp_path):
    marks = read(tmp_path, HEADER)
    assert as_lists(marks) == {name: [] for name in EXPECTED}
    assert marks["probability"].dtype == np.float64


GOOD = "1.2.3,1,2,3,0.5\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\r\n", "the file is empty"),
        (GOOD, "line 1: there is no column 'seriesuid'"),
        ("seriesuid,coordX,coordY,coordZ\n1.2.3,1,2,3\n", "line 1: there is no column 'prob"),
        (HEADER.replace(",", " "), "line 1: .*separated by commas"),
        (HEADER + GOOD + "1.2.5,1,2,3,0.5\n", "line 3: seriesuid '1.2.5' is not in the list"),
        (HEADER + "\n" + GOOD + "1.2.3,nan,2,3,0.5\n", "line 4: coordX 'nan' is not a finite"),
        (HEADER + GOOD + "1.2.3,1,2,3,NaN\n", "line 3: probability 'NaN' is not a finite"),
        (HEADER + GOOD * 2 + "1.2.3,1,2,3,high\n", "line 4: probability 'high' is not a finite"),
        (HEADER + "1.2.3,1,2,3,\n", "line 2: probability is empty"),
        (HEADER + "1.2.3,1,2,inf,0.5\n", "line 2: coordZ 'inf' is not a finite"),
        (HEADER + GOOD + "1.2.3,1,2,3\n", "line 3: 4 fields where line 1 has 5"),
        (HEADER + '"1.2.3","1","2","3","0.5\n' + GOOD, "line 3"),
        (HEADER.encode() + b"1.2.3,\xff,2,3,0.5\n", "not CSV text in UTF-8"),
        (HEADER.encode("utf-16")[:-1], "not CSV text in UTF-8"),
    ],
)
def test_defects_name_file_and_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, text)
    assert "marks.csv" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.csv: cannot be read"):
        points_csv.read_findings(tmp_path / "nowhere.csv")


def test_findings_keep_unmeasured_diameters_and_duplicates(tmp_path):
    rows = "seriesuid,coordX,coordY,coordZ,diameter_mm\n" + "1.2.9,1,2,3,-1\n" * 2
    found = points_csv.read_findings(written(tmp_path, rows))
    assert found["diameter_mm"].tolist() == [-1.0, -1.0]
    assert found["seriesuid"].tolist() == ["1.2.9", "1.2.9"]


@pytest.mark.parametrize(
    "text",
    [
        "1.2.3\n1.2.4\n",
        "SERIESUID\n1.2.3\n1.2.4\n",
        "seriesuid\r\n1.2.3\r\n1.2.4",
        "subset,seriesuid\n1,1.2.3\n1,1.2.4\n",
    ],
)
def test_scan_lists_with_and_without_header(tmp_path, text):
    assert points_csv.read_scans(written(tmp_path, text)) == SCANS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("seriesuid\n", "line 1: no scan is listed"),
        ("1.2.3\n\n1.2.4\n1.2.3\n", "line 4: scan '1.2.3' is listed already on line 1"),
        ("subset,seriesuid\n1,1.2.3\n1, \n", "line 3: the series UID is empty"),
    ],
)
def test_defects_of_scan_lists(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        points_csv.read_scans(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("series\n1.2.3\n", "line 1: 'series' is neither a series UID nor a header"),
        ("1.2.3,1\n1.2.4,1\n", "line 1: '1.2.3,1' is neither"),
        ("SeriesUID,seriesuid\n1.2.3,1.2.4\n", "line 1: the column 'seriesuid' stands twice"),
    ],
)
def test_a_first_line_that_is_no_scan_is_none(tmp_path, text, message):
    with pytest.raises(UserError, match=re.escape(message)):
        points_csv.read_scans(written(tmp_path, text))


def test_the_largest_diameter_is_that_of_the_check():
    assert points_csv.MAX_DIAMETER_MM == luna16_lists.MAX_DIAMETER_MM


numbers = st.floats(allow_nan=False, allow_infinity=False)
places = st.floats(-points_csv.FARTHEST, points_csv.FARTHEST, exclude_min=True, exclude_max=True)


@given(st.lists(st.tuples(st.sampled_from(SCANS), places, places, places, numbers)))
def test_what_is_written_reads_back_to_the_last_bit(tmp_path_factory, rows):
    columns = list(zip(*rows, strict=True)) or [[]] * 5
    marks = {name: list(column) for name, column in zip(EXPECTED, columns, strict=True)}
    path = tmp_path_factory.mktemp("round") / "trip.csv"
    points_csv.write_submission(path, marks)
    assert as_lists(points_csv.read_submission(path, SCANS)) == marks


def test_bad_rows_can_be_listed_instead(tmp_path):
    rows = "1.2.3,1,2,x,0.5\n1.2.4,1,2,3,0.5\n1.2.4,1\n,1,2,3,0.5\n1.2.4,inf,2,,0.5\n"
    bad: list[points_csv.BadRow] = []
    marks, lines = points_csv.read_points(written(tmp_path, HEADER + rows), "probability", bad)
    assert marks["seriesuid"].tolist() == ["1.2.4"]
    assert lines == [3]
    assert sorted((row.line, row.seriesuid, row.reason) for row in bad) == [
        (2, "1.2.3", "coordZ 'x' is not a finite number"),
        (4, "", "2 fields where line 1 has 5"),
        (5, "", "the seriesuid is empty"),
        (6, "1.2.4", "coordX 'inf' is not a finite number"),
    ]


def test_twins_are_rows_within_a_millimetre_along_each_axis_in_one_scan():
    rows = [
        ("1", 0, 0, 0),
        ("2", 0, 0, 0),
        ("1", -0.9, 0.9, 0),
        ("1", 0, 0, 1),
        ("1", 0, 0, -1e300),
    ]
    rows += [("1", 0, 0, 0), ("2", 5, 5, 5), ("2", 5.5, 4.1, 5)]
    uids, *xyz = zip(*rows, strict=True)
    findings = {"seriesuid": uids, **dict(zip("xyz", xyz, strict=True))}
    assert points_csv.twins(findings) == [(2, 0), (5, 0), (7, 6)]
    assert points_csv.twins({name: [] for name in ("seriesuid", *"xyz")}) == []


def test_a_row_is_compared_with_every_earlier_row_near_it():
    findings = {"seriesuid": ["1"] * 4, "x": [0.05, 0.95, 1.5, 1.94], "y": [0] * 4, "z": [0] * 4}
    assert points_csv.twins(findings) == [(1, 0), (2, 1), (3, 1)]
