"""Ids in other spellings: near misses are recognised with what mends them, other ids are not."""

import re

import pytest

from nodules.base.files import UserError
from nodules.datasets import spellings

LISTED = ["42", "104", "1.2.30", "LIDC-IDRI-7", "scan_2020"]


@pytest.mark.parametrize(
    ("unlisted", "listed", "mend"),
    [
        ("042", "42", "without leading zeros"),
        ("LIDC-IDRI-0007", "LIDC-IDRI-7", "without leading zeros"),
        ("42.mhd", "42", "without the file's ending"),
        ("1.2.30.nii.gz", "1.2.30", "without the file's ending"),
        ("scan_2020.NRRD", "scan_2020", "without the file's ending"),
        ("042.mhd", "42", "without the file's ending and leading zeros"),
        ("42_0000.nii.gz", "42", "without the file's ending and the channel number '_0000'"),
        ("subset0/1.2.30.mhd", "1.2.30", "without folders and the file's ending"),
        ("42.0", "42", "without the trailing '.0'"),
        ("1.04E+02", "104", "in all their digits"),
        ("1,04e+02", "104", "in all their digits"),
        ("'42'", "42", "without quotes"),
        ("b'42'", "42", "without quotes"),
        ('="42"', "42", "without quotes"),
        ("lidc-idri-7", "LIDC-IDRI-7", "in the list's capitals"),
        ("lidc-idri-007", "LIDC-IDRI-7", "without leading zeros and in the list's capitals"),
        ("LIDC - IDRI-7", "LIDC-IDRI-7", "without blanks or hidden characters"),
        ("\ufeff42", "42", "without blanks or hidden characters"),
        ("\u200b42", "42", "without blanks or hidden characters"),
        ("'a/042_0000.NII.GZ '", "42", "without folders and quotes and blanks or hidden"),
    ],
)
def test_a_near_miss_is_named_with_its_mend(unlisted, listed, mend):
    (miss,) = spellings.near_misses([unlisted], LISTED)
    assert (miss.unlisted, miss.listed, miss.fitting) == (unlisted, listed, 1)
    with pytest.raises(UserError, match=re.escape(f"Write them {mend}")):
        spellings.require_one_spelling("a.csv", [unlisted], [2], LISTED)


@pytest.mark.parametrize(
    ("unlisted", "listed", "mend"),
    [
        ("42", "042", "with leading zeros, '42' as '042'"),
        ("42", "42.mhd", "with the file's ending, '42' as '42.mhd'"),
        ("1042", "1,042", "with thousands separators, '1042' as '1,042'"),
        ("1,042", "1042", "without thousands separators, '1,042' as '1042'"),
        ("1042", "1.04E+03", "in the list's scientific notation"),
        ("042.mhd", "42.0", "without the file's ending and leading zeros and with the trailing"),
    ],
)
def test_the_list_may_have_the_odd_spelling(unlisted, listed, mend):
    with pytest.raises(UserError, match=re.escape(mend)):
        spellings.require_one_spelling("a.csv", [unlisted], [2], [listed])


@pytest.mark.parametrize(
    "unlisted",
    [
        "43",
        "1.2.3",
        "1.2.300",
        "420",
        "LIDC-IDRI-70",
        "scan_2021",
        "12e4",
        "1.05E+02",
        "0",
        ".0",
        "",
    ],
)
def test_another_scan_is_no_near_miss(unlisted):
    assert spellings.near_misses([unlisted], LISTED) == []
    spellings.require_one_spelling("a.csv", [unlisted], [2], LISTED)


def test_lost_digits_are_not_guessed():
    listed = ["12345678901234567890", "12345678901234567891"]
    with pytest.raises(UserError, match="Export the table again with its ids as text: 2 ids fit"):
        spellings.require_one_spelling("a.csv", ["1.23457E+19"], [2], listed)


def test_an_id_that_may_mean_two_is_not_guessed():
    with pytest.raises(UserError, match="'0042' may mean 2 of the listed ids"):
        spellings.require_one_spelling("a.csv", ["0042"], [2], ["42", "042"])


def test_ids_and_rows_are_counted_and_the_first_line_is_named():
    uids, lines = ["7", "042", "042", "0104", "9"], [2, 3, 4, 5, 6]
    with pytest.raises(UserError) as caught:
        spellings.require_listed("mine.csv", uids, lines, LISTED)
    assert str(caught.value) == (
        "mine.csv, line 3: seriesuid '042' is not in the list of scans, but '42' is: 2 ids (3 rows)"
        " would fall out by their spelling alone. Write them without leading zeros,"
        " '042' as '42', and 2 ids will match."
    )


def test_more_scans_than_listed_are_counted():
    uids, lines = ["42", "9", "9", "8"], [2, 3, 4, 5]
    with pytest.raises(UserError) as caught:
        spellings.require_listed("mine.csv", uids, lines, LISTED)
    assert str(caught.value) == (
        "mine.csv, line 3: seriesuid '9' is not in the list of scans: of the file's 3 scans 1 is"
        " among the 5 listed. Give as --scans the list that the file was made for, or leave the"
        " 3 marks of 2 scans out with --ignore-unlisted."
    )


def test_a_submission_of_other_scans_is_said_to_be_one():
    with pytest.raises(UserError, match=r"none is among the 5 listed\. Give lists of the same"):
        spellings.require_listed("mine.csv", ["9", "8"], [2, 3], LISTED)


def test_spellings_of_one_scan_are_found_in_a_list():
    assert spellings.alike(["42", "1.2.3", "042", "1.2.4", "42.mhd"]) == [["42", "042", "42.mhd"]]


def test_official_ids_are_not_alike(shared_data):
    uids = (shared_data / "data" / "luna16" / "seriesuids.csv").read_text().split()
    assert spellings.alike(uids) == []
    assert spellings.near_misses(uids[::2], uids[1::2]) == []
