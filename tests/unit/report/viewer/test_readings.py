"""Readings come back, score as submissions, and are held against each other."""

import json

import numpy as np
import pytest

from helpers.reader_pages import decided
from nodules.base.files import UserError
from nodules.datasets import points_csv
from nodules.report.viewer import readings


def made(**changes):
    return readings.parse(json.dumps(decided(**changes)), "here")


def test_marks_are_what_was_accepted_added_or_left_undecided():
    own = [(7, 8, 9, "first read"), (4, 5, 6, "with marks")]
    reading = made(verdicts="aru", added=own)
    assert reading.marks() == [(7, 8, 9, 1), (4, 5, 6, 1), (1, 2, 3, 1), (3, 2, 3, 0.5)]
    assert reading.marks(first_read=True) == [(7, 8, 9, 1)]


def test_what_was_removed_after_the_marks_were_seen_stays_in_the_first_read():
    own = [(7, 8, 9, "first read"), (4, 5, 6, "first read")]
    values = decided(verdicts="", added=own)
    values["added"][0]["removed"] = "2026-01-01T00:00:00.000Z"
    reading = readings.parse(json.dumps(values), "here")
    assert reading.marks() == [(4, 5, 6, 1)]
    assert reading.marks(first_read=True) == [(7, 8, 9, 1), (4, 5, 6, 1)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": "x"}, "no reading"),
        ({"format": 2}, "no reading"),
        ({"seriesuid": "../x"}, "missing or of the wrong kind"),
        ({"reader": " "}, "wrong kind"),
        ({"mode": "third"}, "wrong kind"),
        ({"decisions": [{}]}, "wrong kind"),
        ({"decisions": None}, "wrong kind"),
        ({"seconds": {"total": "1"}}, "wrong kind"),
        ({"seconds": dict.fromkeys(("total", "first_read", "with_marks"), 10**400)}, "wrong kind"),
    ],
)
def test_what_is_no_whole_reading_is_refused(change, reason):
    with pytest.raises(UserError, match=reason):
        made(**change)


def test_json_within_json_without_end_is_refused():
    with pytest.raises(UserError, match="not JSON"):
        readings.parse("[" * 100_000, "here")


def test_a_folder_s_readings_are_found_and_other_json_is_left(tmp_path):
    (tmp_path / "one.json").write_text(json.dumps(decided()))
    (tmp_path / "findings.json").write_text("{}")
    (tmp_path / "folder.json").mkdir()
    assert [one.reader for one in readings.read([tmp_path])] == ["A"]
    with pytest.raises(UserError, match="no such file"):
        readings.read([tmp_path / "none"])
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="no reading in it"):
        readings.read([tmp_path / "none"])
    (tmp_path / "again.json").write_text(json.dumps(decided(verdicts="r")))
    with pytest.raises(UserError, match="has read scan"):
        readings.read([tmp_path])


def test_submissions_hold_the_scans_that_all_have_finished(tmp_path):
    found = [
        made(reader="A", uid="2.25.1"),
        made(reader="A", uid="2.25.2"),
        made(reader="A", uid="2.25.3"),
        made(reader="B", uid="2.25.1"),
        made(reader="B", uid="2.25.2", finished=""),
    ]
    *paths, scans = readings.write_submissions(found, tmp_path)
    uids = points_csv.read_scans(scans)
    assert uids == ["2.25.1"]
    assert {len(points_csv.read_submission(path, uids)["seriesuid"]) for path in paths} == {0, 1}
    assert readings.left_out(found) == [
        "2.25.2 is in no submission: B has not finished it.",
        "2.25.3 is in no submission: B has not read it.",
    ]
    with pytest.raises(UserError, match="No scan was finished by every reader"):
        readings.write_submissions(found[1:], tmp_path)


def test_submissions_hold_all_scans_and_the_first_reads_apart(tmp_path):
    found = [
        made(reader="Dr. Ä/..", uid="2.25.1", added=[(1, 1, 1, "first read")]),
        made(reader="Dr. Ä/..", uid="2.25.2", verdicts="-"),
        made(reader="B", uid="2.25.1", verdicts="aa", mode="concurrent"),
        made(reader="B", uid="2.25.2", verdicts="-", mode="concurrent"),
    ]
    paths = readings.write_submissions(found, tmp_path / "out")
    assert all(path.parent == tmp_path / "out" for path in paths)
    first, alone, other, scans = paths
    uids = points_csv.read_scans(scans)
    assert uids == ["2.25.1", "2.25.2"]
    counts = [len(points_csv.read_submission(path, uids)["seriesuid"]) for path in paths[:3]]
    assert counts == [2, 1, 2] and alone.stem == f"{first.stem}_first_read" and other.stem[0] == "B"


def test_agreement_is_counted_on_what_both_judged():
    found = [
        made(reader="A", uid="2.25.1", verdicts="aarru", added=[(0, 0, 0, "first read")]),
        made(reader="B", uid="2.25.1", verdicts="arrra", added=[(0, 3, 0, "with marks")]),
        made(reader="A", uid="2.25.2", verdicts="aar"),
        made(reader="B", uid="2.25.2", verdicts="aa-", added=[(9, 9, 9, "first read")]),
        made(reader="B", uid="2.25.3", verdicts="aa"),
    ]
    (pair,) = readings.summary(found)["pairs"]
    counts = {"both_accept": 3, "both_reject": 2, "only_first_accepts": 1, "only_second_accepts": 0}
    assert {key: pair[key] for key in counts} == counts
    assert (pair["scans"], pair["findings"], pair["undecided"], pair["judged_by_one"]) == (
        2,
        6,
        1,
        1,
    )
    assert (pair["added_by_both"], pair["added_by_one"]) == (1, 1)
    # Agreed 5/6; by chance (4 * 3 + 2 * 3) / 36.
    assert pair["kappa"]["value"] == pytest.approx((5 / 6 - 0.5) / 0.5)
    assert np.isnan(pair["kappa"]["low"])
    assert "0.67 (no interval: fewer than five scans" in readings.describe(readings.summary(found))


def test_agreement_has_an_interval_over_scans_where_there_are_five():
    found = [
        made(reader=reader, uid=f"2.25.{scan}", verdicts=verdicts)
        for scan in range(8)
        for reader, verdicts in (("A", "aarr"), ("B", "aarr" if scan % 2 else "arra"))
    ]
    (pair,) = readings.summary(found)["pairs"]
    assert pair["kappa"]["low"] < pair["kappa"]["value"] < pair["kappa"]["high"]


def test_other_findings_of_the_same_scan_are_not_compared():
    (pair,) = readings.summary([made(), made(reader="B", case="another")])["pairs"]
    assert pair["scans"] == 0 and "reason" in pair["kappa"]


def test_the_text_says_who_and_how_long():
    text = readings.describe(readings.summary([made(), made(reader="B\n", verdicts="aa")]))
    assert "A: 1 scans (1 finished; second reader)" in text and "B\\n" in text
    assert "median time per scan 30 s: first read 20 s, with marks 10 s; per mark 4.0 s" in text


def test_file_names_are_plain_and_tell_readers_apart():
    names = {readings.file_name(made(reader=name)) for name in ("A/../b", "A .. b", "a")}
    assert len(names) == 3 and all("/" not in name and ".." not in name for name in names)
