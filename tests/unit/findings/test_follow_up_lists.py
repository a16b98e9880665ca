"""Findings from lists: LUNA16's, those of `luna16 predict`, a reader's decisions."""

import json

import pytest

from nodules.base.files import FileDefect, UserError
from nodules.findings.follow_up import lists
from nodules.findings.follow_up.compare import Spot


def test_luna16_s_own_list(tmp_path):
    path = tmp_path / "annotations.csv"
    path.write_text(
        "seriesuid,coordX,coordY,coordZ,diameter_mm\n1.2,1,2,3,5.5\n1.2,4,5,6,-1\n1.3,7,8,9,4\n"
    )
    found = lists.read([path])
    assert found["1.2"] == [
        Spot(1, (1.0, 2.0, 3.0), 5.5, None),
        Spot(2, (4.0, 5.0, 6.0), lists.DIAMETER_MM, None),  # never measured
    ]
    assert found["1.3"] == [Spot(1, (7.0, 8.0, 9.0), 4.0, None)]


def test_of_predicted_findings_the_reported_ones_by_their_numbers(tmp_path):
    path = tmp_path / "findings.csv"
    path.write_text(
        "seriesuid,coordX,coordY,coordZ,probability,finding,reported,diameter_mm\n"
        "1.2,1,2,3,0.9,1,yes,5.5\n1.2,4,5,6,0.1,2,no,9\n1.2,7,8,9,0.8,3,yes,4\n"
    )
    assert lists.read([path])["1.2"] == [
        Spot(1, (1.0, 2.0, 3.0), 5.5, 0.9),
        Spot(3, (7.0, 8.0, 9.0), 4.0, 0.8),
    ]


def test_of_a_reader_s_decisions_what_was_accepted_and_added(tmp_path):
    def entry(**more):
        return {"coordX": 1.0, "coordY": 2.0, "coordZ": 3.0, "diameter_mm": 6.0, **more}

    path = tmp_path / "decisions.json"
    told = {
        "seriesuid": "1.2",
        "decisions": [
            entry(finding=1, verdict="accept", probability=0.9),
            entry(finding=2, verdict="reject", probability=0.8),
            entry(finding=3, verdict="undecided", probability=0.7),
        ],
        "added": [entry(number=1, removed="2026-01-01"), entry(number=2, diameter_mm=None)],
    }
    path.write_text(json.dumps(told))
    assert lists.read([path])["1.2"] == [
        Spot(1, (1.0, 2.0, 3.0), 6.0, 0.9),
        Spot(4, (1.0, 2.0, 3.0), lists.DIAMETER_MM, None),
    ]


def test_of_two_lists_of_a_scan_no_two_findings_have_one_number(tmp_path):
    paths = [tmp_path / "one.csv", tmp_path / "other.csv"]
    for path, x in zip(paths, (1, 5), strict=True):
        rows = "".join(f"1.2,{x},2,{number},{number},6\n" for number in (1, 3))
        path.write_text("seriesuid,coordX,coordY,coordZ,finding,diameter_mm\n" + rows)
    found = lists.read(paths)["1.2"]
    assert [spot.number for spot in found] == [1, 3, 4, 5]
    assert [spot.world[0] for spot in found] == [1, 1, 5, 5]


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("n/a,1", "probability is 'n/a'"),
        ("inf,1", "probability is 'inf'"),
        ("0.5,1.5", "finding is '1.5'"),
        ("0.5,0", "finding is '0'"),
    ],
)
def test_what_is_no_number_is_named_by_its_line(tmp_path, cells, told):
    path = tmp_path / "findings.csv"
    path.write_text(
        f"seriesuid,coordX,coordY,coordZ,diameter_mm,probability,finding\n1.2,1,2,3,4,{cells}\n"
    )
    with pytest.raises(FileDefect, match=f"line 2: {told}"):
        lists.read([path])


def test_whole_numbers_that_pandas_wrote_anew_stay_what_they_are(tmp_path):
    path = tmp_path / "findings.csv"
    path.write_text("seriesuid,coordX,coordY,coordZ,diameter_mm,finding\n1.2,1,2,3,4,7.0\n")
    assert lists.read([path])["1.2"][0].number == 7


@pytest.mark.parametrize(
    ("key", "value"), [("coordX", "NaN"), ("diameter_mm", "Infinity"), ("finding", "Infinity")]
)
def test_a_reader_s_decision_of_no_finite_number_is_refused(tmp_path, key, value):
    entry = {"coordX": "1", "coordY": "2", "coordZ": "3", "diameter_mm": "6", "finding": "1"}
    entry |= {"verdict": '"accept"', key: value}
    row = ", ".join(f'"{name}": {text}' for name, text in entry.items())
    path = tmp_path / "decisions.json"
    path.write_text(f'{{"seriesuid": "1.2", "decisions": [{{{row}}}], "added": []}}')
    with pytest.raises(FileDefect, match="no decisions of a reader"):
        lists.read([path])


@pytest.mark.parametrize(
    "text", ["{}", "[]", "no JSON", '{"seriesuid": "1", "decisions": [{}]}', "[" * 9999]
)
def test_another_json_is_refused(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(FileDefect, match="holds no decisions of a reader"):
        lists.read([path])


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match=r"a\.json: no such file"):
        lists.read([tmp_path / "a.json"])
