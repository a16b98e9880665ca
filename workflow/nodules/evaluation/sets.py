"""Sets of scans to evaluate: each fold's left-out scans, all of these pooled, and the test."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base.files import UserError
from nodules.datasets import folds as division
from nodules.evaluation.names import OUT_OF_FOLD, SETS, TEST
from nodules.stats import ranking

GRID = 101  # false-positive rates at which a ROC curve's band is given


def scans_by_set(folds: pd.DataFrame) -> dict[str, list[str]]:
    """Sorted UIDs of each set in table `folds`: fold_<k>, out_of_fold and test, if not empty."""
    number = folds["fold"]
    chosen = {f"fold_{k}": number == k for k in sorted(set(number[number >= 0]))}
    chosen |= {OUT_OF_FOLD: number >= 0, TEST: number == division.TEST_FOLD}
    members = {name: sorted(folds.loc[rows, "seriesuid"]) for name, rows in chosen.items()}
    return {name: uids for name, uids in members.items() if uids}


def pooled_sets(folds: pd.DataFrame) -> dict[str, list[str]]:
    """UIDs of the pooled left-out scans and of the test, in this order; see `scans_by_set`."""
    found = scans_by_set(folds)
    return {name: found[name] for name in SETS if name in found}


def of(table: pd.DataFrame, uids: list[str]) -> pd.DataFrame:
    """Rows of the table that belong to the given scans, with a new index."""
    return table[table["seriesuid"].isin(uids)].reset_index(drop=True)


def roc_band(
    labels: NDArray[np.int64],
    scores: NDArray[np.float64],
    resampled: tuple[NDArray[np.int64], NDArray[np.float64]],
    too_few: str,
) -> pd.DataFrame:
    """95 % band of a ROC curve: columns curve, x, y (lower bound), high; empty for too few cases.

    resampled: index of each case's scan or patient, and `bootstrap.weights`. too_few: reason to
    give no band, or "".
    """
    grid = np.linspace(0, 1, GRID)
    bounds = np.full((GRID, 2), np.nan)
    if not too_few:
        bounds = ranking.roc_band(labels, scores, *resampled, grid)
    band = {"curve": "roc_band", "x": grid, "y": bounds[:, 0], "high": bounds[:, 1]}
    return pd.DataFrame(band).dropna(subset=["y"])


def fold_of(table: pd.DataFrame, folds: pd.DataFrame) -> pd.Series:
    """Fold of each row, -1 for the test. Raises UserError for a scan without a fold."""
    fold = table["seriesuid"].map(folds.set_index("seriesuid")["fold"])
    if fold.isna().any():
        uid = table.loc[fold.isna(), "seriesuid"].iloc[0]
        raise UserError(
            f"results/folds/folds.parquet: scan {uid} has predictions but no fold."
            " The scans have changed since; run snakemake again from make_folds."
        )
    return fold.astype("int64")


def patient_of(table: pd.DataFrame, folds: pd.DataFrame) -> NDArray[np.int64]:
    """Each row's patient, as an index; for rows that have a fold (`fold_of`)."""
    codes, _ = pd.factorize(folds["patient"])
    by_scan = pd.Series(codes, index=folds["seriesuid"])
    return table["seriesuid"].map(by_scan).to_numpy(np.int64)
