"""Lists and submissions as `luna16 score` reads them: what would score wrongly is refused."""

import gzip
import re

import pytest

from nodules.base.files import UserError
from nodules.datasets import submissions

FINDINGS = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"
MARKS = "seriesuid,coordX,coordY,coordZ,probability\n"
ANNOTATIONS = FINDINGS + "42,0,0,0,6\n7,5,0,0,8\n900,0,0,0,5\n"
EXCLUDED = FINDINGS + "42,0,0,0,-1\n42,9,0,0,3\n7,5,0,0,-1\n"
SCANS = "42\n7\n104\n"


@pytest.fixture
def files(tmp_path):
    """Write files by name; gives their paths."""

    def files(**contents):
        for name, text in contents.items():
            (tmp_path / f"{name}.csv").write_text(text)
        return [tmp_path / f"{name}.csv" for name in contents]

    return files


@pytest.fixture
def lists(files):
    """The three lists, read; any of them may be another."""

    def lists(annotations=ANNOTATIONS, excluded=EXCLUDED, scans=SCANS):
        given = files(annotations=annotations, excluded=excluded, scans=scans)
        return submissions.read_lists(*given)

    return lists


def marks(*uids):
    return MARKS + "".join(f"{uid},0,0,0,0.5\n" for uid in uids)


def test_findings_of_other_scans_are_no_error(lists):
    assert lists().nodules["seriesuid"].tolist() == ["42", "7", "900"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"annotations": ANNOTATIONS.replace("42", "0042")},
            "annotations.csv, line 2: seriesuid '0042' is not in the list of scans, but '42' is: 1 "
            "id (1 row) would fall out by their spelling alone. Write them without leading zeros",
        ),
        (
            {"excluded": EXCLUDED.replace("42", "42.mhd")},
            "excluded.csv, line 2: seriesuid '42.mhd'",
        ),
        ({"scans": "042\n007\n104\n"}, "Write them with leading zeros, '42' as '042', and 2 ids"),
        (
            {"annotations": EXCLUDED, "excluded": ANNOTATIONS},
            "annotations.csv: 2 of its 3 rows have a diameter below 0 (not measured), and of the 3 "
            "in",
        ),
        ({"annotations": EXCLUDED}, "annotations.csv: holds the same 3 findings as"),
        ({"excluded": ANNOTATIONS}, "annotations.csv: holds the same 3 findings as"),
    ],
)
def test_lists_that_would_score_wrongly_are_refused(lists, changed, message):
    with pytest.raises(UserError, match=re.escape(message)):
        lists(**changed)


def test_parts_are_joined_and_named_by_what_they_share(files, lists):
    paths = files(unet_fold0=marks("42"), unet_fold1=marks("7", "7"))
    read, notes = submissions.read_marks(paths, lists(), together=True)
    assert {name: own["seriesuid"].tolist() for name, own in read.items()} == {
        "unet_fold": ["42", "7", "7"]
    }
    assert notes == []


def test_parts_without_a_common_name_are_counted(files, lists):
    read, _ = submissions.read_marks(files(a=marks("42"), b=marks()), lists(), together=True)
    assert list(read) == ["2 files together"]


def test_a_scan_in_two_parts_is_named_with_both_files(files, lists):
    paths = files(a=marks("42", "104"), b=marks("7", "42", "104"))
    with pytest.raises(UserError) as caught:
        submissions.read_marks(paths, lists(), together=True)
    assert re.search(
        r"b\.csv: scan '42' \(and 1 more\) has marks here and in \S+a\.csv\. With",
        str(caught.value),
    )


def test_unlisted_scans_are_left_out_where_that_is_asked_for(files, lists):
    paths = files(mine=marks("42", "8", "9", "9"))
    with pytest.raises(UserError, match=r"line 3: seriesuid '8' .*--ignore-unlisted"):
        submissions.read_marks(paths, lists())
    read, notes = submissions.read_marks(paths, lists(), ignore_unlisted=True)
    assert read["mine"]["seriesuid"].tolist() == ["42"]
    assert notes == ["mine: 3 of 4 marks are left out (unlisted scans: 2)"]


@pytest.mark.parametrize("ignore", [False, True])
def test_another_spelling_is_never_left_out(files, lists, ignore):
    with pytest.raises(UserError, match=r"line 2: seriesuid '042' .*, but '42' is: 1 id"):
        submissions.read_marks(files(mine=marks("042")), lists(), ignore_unlisted=ignore)


def test_a_scan_listed_in_two_spellings_is_told(files, lists):
    both = lists(scans=SCANS + "042\n")
    with pytest.raises(UserError, match="scan '042', and the annotations spell it '42': both are"):
        submissions.read_marks(files(mine=marks("042", "7")), both)
    submissions.read_marks(files(mine=marks("42", "7")), both)


def test_files_that_share_no_scan_may_be_parts_of_one(files, lists):
    paths = files(a=marks("42"), b=marks("7"), none=marks())
    read, _ = submissions.read_marks(paths, lists())
    assert "no scan has marks in two of these 2 files" in submissions.apart(read)
    read, _ = submissions.read_marks(files(a=marks("42"), b=marks("7", "42")), lists())
    assert submissions.apart(read) == ""
    read, _ = submissions.read_marks(files(a=marks("42"), none=marks()), lists())
    assert submissions.apart(read) == ""


def test_names_are_those_of_the_files_and_printable(tmp_path):
    paths = [tmp_path / "a.csv.gz", tmp_path / "b\udcff.csv"]
    assert submissions.names_of(paths) == ["a", r"b\udcff"]
    paths = [tmp_path / "x" / "a.csv", tmp_path / "a.csv.gz"]
    assert submissions.names_of(paths) == [str(path) for path in paths]
    with pytest.raises(UserError, match="named twice"):
        submissions.names_of([paths[0], paths[0]])


def test_compressed_parts_are_read(files, lists, tmp_path):
    path = tmp_path / "part.csv.gz"
    path.write_bytes(gzip.compress(marks("42").encode()))
    assert list(submissions.read_marks([path], lists())[0]) == ["part"]
