"""The scans to train on, leave out and hold out: assigned once, saved, asserted at every stage.

A fold is a set of scans, never of slices, and all scans of a patient stay together: two scans of
one chest show the same nodules, so one in training would give away the other in testing.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.base.files import UserError
from nodules.stats.seeds import generator

TEST_FOLD = -1  # the held-out test subset
UNUSED = -2  # another subset's scan of a patient in the test subset: neither trained nor tested on

FEWEST_FOLDS = 2  # each fold's network learns from the other folds

log = logging.getLogger("nodules")


def planned(settings: Mapping[str, Any], subsets: Iterable[int]) -> list[int]:
    """Numbers of the folds that `assign` will make of scans with these subsets.

    Raises UserError if it is clear before any scan is read that they cannot be divided so.
    """
    found, n, test_subset = list(subsets), settings["n"], settings["test_subset"]
    if settings["scheme"] == "official":
        return sorted(set(found))
    if found:  # no scans are looked for if only figures are drawn
        _require_held_out(test_subset, found)
        rest = sum(subset != test_subset for subset in found)
        if rest < n:
            scans = "scan" if rest == 1 else "scans"
            fewer = f'Use fewer folds, as with --config folds="{{n: {rest}}}", or add scans.'
            none = 'Hold out no test, as with --config folds="{test_subset: null}", or add scans.'
            raise UserError(
                f"folds.n {n}: only {rest} {scans} outside the test subset. "
                f"{fewer if rest >= FEWEST_FOLDS else none}"
            )
    return list(range(n))


def held_out(settings: Mapping[str, Any]) -> int | None:
    """The subset that no network is trained on; None if the scheme holds out none."""
    return None if settings["scheme"] == "official" else settings["test_subset"]


def assign(
    sheet: pd.DataFrame, scheme: str, n: int, test_subset: int | None, seed: int
) -> pd.DataFrame:
    """Divide the usable scans of a sheet (table `scans`) into folds (table `folds`).

    scheme: kfold (n folds over patients, balanced in nodules and scans; one subset held out) or
    official (LUNA16's own: each subset present is one fold, nothing is held out).
    The same seed gives the same folds, in whatever order the scans come.
    Raises UserError if the scans cannot be divided so.
    """
    usable = sheet.loc[sheet["status"] == "ok", ["seriesuid", "patient", "subset", "n_nodules"]]
    if usable.empty:
        raise UserError("No usable scan is left to divide into folds. See results/scans/defects.")
    scans = usable.sort_values("seriesuid", ignore_index=True)
    if scheme == "official":
        table = _official(scans)
    else:
        table = _kfold(scans, n, test_subset, generator(seed, "folds"))
    table = tables.frame("folds", table)
    assert_disjoint(table)
    return table


def require_planned(table: pd.DataFrame, numbers: Iterable[int]) -> None:
    """Raise UserError if a planned fold has no scan, before anything is trained.

    Folds are planned from the scans found; those that turn out to be unusable are in no fold.
    """
    empty = sorted(set(numbers) - set(table["fold"]))
    if empty:
        subsets = ", ".join(f"subset{k}" for k in empty)
        raise UserError(
            f"folds.scheme official: none of the scans of {subsets} can be used, so that there is "
            "nothing to test there. Mend the scans, which results/logs/check_scans.log names with "
            f"their defects, or move {subsets} out of luna16_dir, or set folds.scheme to kfold."
        )


def assert_disjoint(table: pd.DataFrame) -> None:
    """Raise UserError unless each scan is listed once and no patient is on both sides of a split.

    In LUNA16's own folds one patient is in two subsets; `split` keeps it out of training there.
    """
    twice = table.loc[table["seriesuid"].duplicated(), "seriesuid"]
    if len(twice):
        raise UserError(f"folds: scan {twice.iloc[0]} stands in it twice. {_REMAKE}")
    places = table.groupby("patient")["fold"].agg(set)
    across = places[[len(p - {UNUSED}) > 1 for p in places]]
    if len(across) and not (table["fold"] == table["subset"]).all():
        raise UserError(
            f"folds: patient {across.index[0]} is in folds {sorted(across.iloc[0])}. {_REMAKE}"
        )


_REMAKE = "Delete results/folds/folds.parquet and run snakemake again."


def split(table: pd.DataFrame, fold: int) -> tuple[list[str], list[str]]:
    """UIDs that a fold's networks are trained on, and UIDs that they leave out.

    No patient is on both sides. Raises UserError if a side is empty or the table is inconsistent.
    """
    left_out = part(table, f"fold_{fold}")
    patients = set(table.loc[table["seriesuid"].isin(left_out), "patient"])
    others = (table["fold"] >= 0) & (table["fold"] != fold) & ~table["patient"].isin(patients)
    training = list(table.loc[others, "seriesuid"])
    if not training:
        raise UserError(f"folds: no scan is left to train fold {fold} on. Use more scans.")
    return training, left_out


def part(table: pd.DataFrame, name: str) -> list[str]:
    """UIDs of `fold_<k>`, the scans that fold k leaves out, or of `test`, the held-out scans.

    Raises UserError if there are none or the table is inconsistent.
    """
    assert_disjoint(table)
    number = TEST_FOLD if name == "test" else int(name.removeprefix("fold_"))
    uids = list(table.loc[table["fold"] == number, "seriesuid"])
    if not uids:
        raise UserError(f"folds: part {name} has no scan. Use more scans or fewer folds.")
    return uids


def _official(scans: pd.DataFrame) -> pd.DataFrame:
    subsets = sorted(set(scans["subset"]))
    if len(subsets) < 2:
        raise UserError(
            f"folds.scheme official: only subset{subsets[0]} is there, but each subset is tested "
            "by networks trained on the others. Add a subset or set folds.scheme to kfold."
        )
    for patient, found in _crossing(scans, subsets):
        log.warning(
            "Patient %s has scans in subsets %s: left out of training where one of them is tested.",
            patient,
            ", ".join(map(str, found)),
        )
    return scans.assign(fold=scans["subset"])


def _crossing(scans: pd.DataFrame, subsets: Iterable[int]) -> list[tuple[str, list[int]]]:
    """Patients with scans both in one of `subsets` and in another subset, and their subsets."""
    wanted = set(subsets)
    found = scans.groupby("patient")["subset"].agg(lambda s: sorted(set(s)))
    return [(str(p), s) for p, s in found.items() if len(s) > 1 and wanted & set(s)]


def _kfold(
    scans: pd.DataFrame, n: int, test_subset: int | None, random: np.random.Generator
) -> pd.DataFrame:
    held_out = scans["subset"] == test_subset
    _require_held_out(test_subset, scans["subset"])
    same_patient = scans["patient"].isin(scans.loc[held_out, "patient"]) & ~held_out
    for uid in scans.loc[same_patient, "seriesuid"]:
        log.warning("Scan %s is not used: its patient is also in the test subset.", uid)
    rest = scans[~held_out & ~same_patient]
    if rest["patient"].nunique() < n:
        raise UserError(
            f"folds.n {n}: only {rest['patient'].nunique()} patients outside the test subset. "
            "Use fewer folds or add scans."
        )
    fold = np.where(held_out, TEST_FOLD, UNUSED)
    fold[rest.index] = _balanced(rest, n, random)
    return scans.assign(fold=fold)


def _balanced(scans: pd.DataFrame, n: int, random: np.random.Generator) -> np.ndarray:
    """Fold of each scan: patients with most nodules first, each to the fold with fewest nodules.

    Patients without nodules come last and go to the fold with fewest scans, to even these out.
    """
    patients = scans.groupby("patient")["n_nodules"].agg(["sum", "size"])
    patients = patients.iloc[random.permutation(len(patients))]  # decides the order of equals
    patients = patients.sort_values(["sum", "size"], ascending=False, kind="stable")
    nodules, sizes, chosen = np.zeros(n, int), np.zeros(n, int), {}
    for patient, count, size in patients.itertuples():
        keys = (sizes, nodules) if count else (nodules, sizes)
        fold = int(np.lexsort(keys)[0])  # the last key counts most
        nodules[fold] += count
        sizes[fold] += size
        chosen[patient] = fold
    return scans["patient"].map(chosen).to_numpy()


def _require_held_out(test_subset: int | None, subsets: Iterable[int]) -> None:
    """Raise UserError if no scan lies in the subset to be held out."""
    found = sorted(set(subsets))
    if test_subset is not None and test_subset not in found:
        raise UserError(
            f"folds.test_subset {test_subset}: no usable scan in subset{test_subset} (there are: "
            f"{', '.join(map(str, found))}). Add that subset, or set folds.test_subset to one of "
            "these, or to null to hold out none."
        )
