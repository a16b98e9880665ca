"""Candidates are matched scan by scan, by the official rule, and joined to what they hit."""

import pandas as pd
import pytest

from nodules.base import tables
from nodules.base.files import UserError
from nodules.findings.candidate_hits import match
from nodules.findings.matches import with_matches


def points(name, *rows):
    """Table `name` of (uid, x, diameter) on one line."""
    return tables.frame(
        name,
        [
            {"seriesuid": uid, "x": x, "y": 0.0, "z": 0.0, "diameter_mm": diameter}
            | ({"nodule": k} if name == "nodules" else {})
            for k, (uid, x, diameter) in enumerate(rows, 1)
        ],
    )


def candidates(*places):
    """What `match` reads of table `candidates`: (uid, x)."""
    return pd.DataFrame(
        [
            {"seriesuid": uid, "candidate": k, "x": x, "y": 0.0, "z": 0.0}
            for k, (uid, x) in enumerate(places, 1)
        ]
    )


def test_a_candidate_hits_the_nearest_nodule_of_its_own_scan():
    nodules = points("nodules", ("a", 0.0, 10.0), ("a", 6.0, 10.0), ("b", 0.0, 10.0))
    found = match(candidates(("a", 2.0), ("a", 4.0), ("b", 5.0)), nodules, points("excluded"))
    assert found["nodule"].tolist() == [1, 2, 0]  # 5 mm of a radius of 5 mm is no hit
    assert not found["excluded"].any()


def test_a_negative_diameter_is_10_mm_and_a_nodule_comes_before_an_excluded_finding():
    nodules, excluded = points("nodules", ("a", 0.0, 4.0)), points("excluded", ("a", 0.0, -1.0))
    found = match(candidates(("a", 1.0), ("a", 4.9), ("a", 5.1)), nodules, excluded)
    assert found["nodule"].tolist() == [1, 0, 0]
    assert found["excluded"].tolist() == [False, True, False]


def test_nothing_found_gives_an_empty_table():
    nothing = tables.frame("candidates")
    found = match(nothing, points("nodules", ("a", 0.0, 4.0)), points("excluded"))
    assert found.empty and with_matches(nothing, found).empty


def test_a_candidate_that_was_not_matched_is_an_error():
    both = candidates(("a", 1.0), ("a", 9.0))
    found = match(both.head(1), points("nodules"), points("excluded"))
    with pytest.raises(UserError, match=r"candidate 2 of scan a.*match_candidates"):
        with_matches(both, found)
