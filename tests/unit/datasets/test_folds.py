"""Folds: disjoint in scans and patients, alike in nodules, the same for the same seed."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodules.base.files import UserError
from nodules.datasets import folds, lidc, points_csv


def sheet(rows: list[tuple[str, str, int, int]]) -> pd.DataFrame:
    """What `assign` reads of the scan sheet: UID, patient, subset, nodules."""
    data = pd.DataFrame(rows, columns=["seriesuid", "patient", "subset", "n_nodules"])
    return data.assign(status="ok")


PLAIN = sheet([(f"1.{i:03}", f"p{i}", i % 10, i % 4) for i in range(60)])


@pytest.fixture(scope="module")
def luna16(shared_data):
    """The real 888 scans with their subsets, patients and numbers of nodules."""
    subsets = json.loads((shared_data / "data" / "subset_to_seriesuids.json").read_text())
    found = points_csv.read_findings(shared_data / "data" / "luna16" / "annotations.csv")
    counts = pd.Series(found["seriesuid"]).value_counts()
    patients = lidc.patients()
    return sheet(
        [
            (uid, patients[uid], int(subset), int(counts.get(uid, 0)))
            for subset, uids in subsets.items()
            for uid in uids
        ]
    )


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 25), st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=60
    ),
    n=st.integers(2, 5),
    seed=st.integers(0, 3),
)
def test_no_patient_is_ever_on_both_sides(rows, n, seed):
    scans = sheet([(f"1.{i:03}", f"p{p}", s, m) for i, (p, s, m) in enumerate(rows)])
    try:
        table = folds.assign(scans, "kfold", n, 3, seed)
    except UserError as error:
        assert "folds." in str(error)
        return
    assert sorted(table["seriesuid"]) == sorted(scans["seriesuid"])
    test = folds.part(table, "test")
    assert set(test) == set(scans.loc[scans["subset"] == 3, "seriesuid"])
    patient = dict(zip(scans["seriesuid"], scans["patient"], strict=True))
    seen: list[str] = []
    for k in range(n):
        training, left_out = folds.split(table, k)
        assert left_out == folds.part(table, f"fold_{k}")
        sides = [{patient[u] for u in uids} for uids in (training, left_out, test)]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
        seen += left_out
    assert len(seen) == len(set(seen))


def test_folds_depend_on_the_seed_and_on_nothing_else():
    first = folds.assign(PLAIN, "kfold", 5, 9, 1)
    shuffled = PLAIN.sample(frac=1, random_state=0)
    assert first.equals(folds.assign(shuffled, "kfold", 5, 9, 1))
    assert not first.equals(folds.assign(PLAIN, "kfold", 5, 9, 2))


def test_folds_are_alike_in_scans_and_nodules():
    table = folds.assign(PLAIN, "kfold", 3, 9, 1)
    training = table[table["fold"] >= 0].groupby("fold")["n_nodules"]
    assert np.ptp(training.size()) <= 1
    assert np.ptp(training.sum()) <= 1


def test_skipped_scans_are_in_no_fold():
    scans = PLAIN.assign(status=np.where(PLAIN.index == 7, "skipped", "ok"))
    assert "1.007" not in set(folds.assign(scans, "kfold", 3, 9, 1)["seriesuid"])


def test_a_patient_of_the_test_subset_is_not_trained_on(caplog):
    scans = PLAIN.assign(patient=PLAIN["patient"].replace("p10", "p9"))
    table = folds.assign(scans, "kfold", 3, 9, 1)
    assert table.loc[table["seriesuid"] == "1.010", "fold"].item() == folds.UNUSED
    assert "Scan 1.010 is not used" in caplog.text


@pytest.mark.parametrize(
    ("scheme", "n", "subset", "scans", "message"),
    [
        ("kfold", 5, 7, PLAIN[PLAIN["subset"] < 7], "folds.test_subset 7: no usable scan"),
        ("kfold", 5, 9, PLAIN[:10].assign(patient="p"), "only 0 patients"),
        ("kfold", 5, 9, PLAIN[6:10], "only 3 patients outside"),
        ("official", 5, 9, PLAIN[PLAIN["subset"] == 3], "only subset3 is there"),
        ("kfold", 5, 9, PLAIN.assign(status="skipped"), "No usable scan"),
    ],
)
def test_impossible_folds_are_refused_with_a_remedy(scheme, n, subset, scans, message):
    with pytest.raises(UserError, match=message):
        folds.assign(scans, scheme, n, subset, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: pd.concat([t, t[:1]]),
        lambda t: t.assign(patient="p1"),
    ],
    ids=["a scan twice", "a patient in two folds"],
)
def test_a_table_that_mixes_scans_up_is_refused_by_every_reader(change):
    table = folds.assign(PLAIN, "kfold", 5, 9, 1)
    for reader in (lambda t: folds.split(t, 0), lambda t: folds.part(t, "test")):
        with pytest.raises(UserError, match="folds: "):
            reader(change(table))


def test_a_part_without_scans_is_refused():
    table = folds.assign(PLAIN, "official", 5, 9, 1)
    with pytest.raises(UserError, match="part test has no scan"):
        folds.part(table, "test")


def test_official_folds_are_the_subsets_that_are_there():
    table = folds.assign(PLAIN[PLAIN["subset"].isin([0, 4])], "official", 5, 9, 1)
    assert (table["fold"] == table["subset"]).all()
    assert set(table["fold"]) == {0, 4}


@pytest.mark.real
def test_luna16_in_five_folds_differs_by_one_scan_and_one_nodule(luna16):
    table = folds.assign(luna16, "kfold", 5, 9, 2016)
    groups = table[table["fold"] >= 0].groupby("fold")["n_nodules"]
    assert list(groups.size()) == [160] * 5
    assert set(groups.sum()) == {216, 217}
    assert len(folds.part(table, "test")) == 88


@pytest.mark.real
def test_one_patient_of_luna16_is_in_two_official_folds_and_never_on_both_sides(luna16, caplog):
    with caplog.at_level(logging.WARNING):
        table = folds.assign(luna16, "official", 5, 9, 2016)
    assert [r.args for r in caplog.records] == [("LIDC-IDRI-0332", "2, 6")]
    for fold in range(10):
        training, left_out = folds.split(table, fold)
        assert len(training) + len(left_out) == (887 if fold in (2, 6) else 888)


def test_without_a_test_subset_every_scan_is_in_a_fold():
    """For those who have one subset only: nothing is held out."""
    table = folds.assign(PLAIN[PLAIN["subset"] == 3], "kfold", 2, None, seed=0)
    assert set(table["fold"]) == {0, 1}


def test_folds_are_planned_as_they_will_be_numbered() -> None:
    kfold = {"scheme": "kfold", "n": 3, "test_subset": 9}
    assert folds.planned(kfold, [0, 9, 0, 3]) == [0, 1, 2] and folds.held_out(kfold) == 9
    assert folds.planned(kfold, []) == [0, 1, 2]
    official = {"scheme": "official", "n": 3, "test_subset": 9}
    assert folds.planned(official, [7, 2, 7]) == [2, 7] and folds.held_out(official) is None


@pytest.mark.parametrize(
    ("subsets", "message"),
    [([0, 1, 2], "no usable scan in subset9 .there are: 0, 1, 2"), ([0, 9, 9], "only 1 scan ")],
)
def test_folds_that_cannot_be_made_are_refused_before_any_scan_is_read(subsets, message):
    with pytest.raises(UserError, match=message):
        folds.planned({"scheme": "kfold", "n": 3, "test_subset": 9}, subsets)


def test_a_planned_fold_without_a_usable_scan_is_named_with_its_subset():
    scans = PLAIN.assign(status=np.where(PLAIN["subset"] == 2, "skipped", "ok"))
    table = folds.assign(scans, "official", 5, 9, 1)
    folds.require_planned(table, [0, 1, 3])
    with pytest.raises(UserError, match=r"none of the scans of subset2 .* or move subset2"):
        folds.require_planned(table, range(10))
