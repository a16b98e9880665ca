"""The table of pairs: read, or refused in one sentence that names the line."""

import pytest

from nodules.base.files import FileDefect
from nodules.datasets import follow_up_pairs
from nodules.datasets.follow_up_pairs import PairOf

HEADER = "patient,prior,current,prior_date,current_date\n"


def written(tmp_path, *rows):
    path = tmp_path / "pairs.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


def test_pairs_with_and_without_days(tmp_path):
    path = written(tmp_path, "A,1.2,1.3,2020-01-01,2020-07-01", "B,1.4,1.5,,")
    assert follow_up_pairs.read(path) == [
        PairOf("A", "1.2", "1.3", "2020-01-01", "2020-07-01"),
        PairOf("B", "1.4", "1.5", "", ""),
    ]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("A,1.2,1.2,,", "line 2: both times are the same scan"),
        ("A,,1.2,,", "line 2: a series UID is missing"),
        ("A,1.2,1.3,2020-01-01,", "line 2: '2020-01-01' and '' are not two days"),
        ("A,1.2,1.3,1.1.2020,2020-07-01", "are not two days"),
        ("A,1.2,1.3,2021-01-01,2020-07-01", "the prior scan is the later one"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path, row, told):
    with pytest.raises(FileDefect, match=told):
        follow_up_pairs.read(written(tmp_path, row))


def test_a_pair_stands_once(tmp_path):
    with pytest.raises(FileDefect, match="line 3: this pair stands twice"):
        follow_up_pairs.read(written(tmp_path, "A,1.2,1.3,,", "A,1.2,1.3,,"))


def test_every_scan_must_be_there(tmp_path):
    path = written(tmp_path, "A,1.2,1.3,,")
    follow_up_pairs.require_scans(path, follow_up_pairs.read(path), {"1.2", "1.3"})
    with pytest.raises(FileDefect, match=r"the scan 1\.3 is not among"):
        follow_up_pairs.require_scans(path, follow_up_pairs.read(path), {"1.2"})
