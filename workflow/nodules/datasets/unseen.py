"""The folds whose networks have not seen a patient."""

import pandas as pd

from nodules.base.files import UserError
from nodules.datasets import folds


def unseen_by(table: pd.DataFrame, uid: str) -> list[int]:
    """Folds (of table `folds`) whose networks were trained on no scan of this scan's patient.

    For a scan that a fold leaves out, that fold; for a scan in no fold's training set, every fold.
    Raises UserError if there is no such fold, or no such scan.
    """
    own = table.loc[table["seriesuid"] == uid, "patient"]
    if own.empty:
        raise UserError(f"folds: scan {uid} is in none. Delete folds.parquet and run again.")
    found = []
    for fold in sorted({int(k) for k in table["fold"] if k >= 0}):
        training, _ = folds.split(table, fold)
        if own.iloc[0] not in set(table.loc[table["seriesuid"].isin(training), "patient"]):
            found.append(fold)
    if not found:
        raise UserError(f"folds: every fold's network has seen the patient of scan {uid}.")
    return found
