"""Combination of two stages' scores into one confidence, fitted on candidates of other folds."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.findings.candidate_hits import match
from nodules.findings.matches import with_matches
from nodules.stats import stacking
from nodules.stats.calibration import fit_stacked
from nodules.stats.stacking import EQUAL

Floats = NDArray[np.float64]


def fit(judged: pd.DataFrame, nodules: pd.DataFrame, excluded: pd.DataFrame) -> Floats:
    """Weights of the two stages' logits, then the intercept, (3,).

    judged: table `classified` of scans that neither stage was trained on. Candidates on excluded
    findings are left out. EQUAL if all candidates are of one kind, or if a weight would be
    negative.
    """
    matched = with_matches(judged, match(judged[tables.columns("candidates")], nodules, excluded))
    kept = matched[~matched["excluded"]]
    weights = fit_stacked(
        (kept["nodule"] > 0).to_numpy(np.int64), stacking.logits(kept["probability"], kept["logit"])
    )
    return weights if (weights[:2] >= 0).all() else EQUAL


def of_others(others: pd.DataFrame, judged: pd.DataFrame, division: pd.DataFrame) -> pd.DataFrame:
    """The rows of other folds whose patients have no scan among those judged here.

    others, judged: table `classified`; division: table `folds`. In LUNA16's own folds one patient
    is in two of them.
    """
    patient = division.set_index("seriesuid")["patient"]
    own = set(judged["seriesuid"].map(patient))
    return others[~others["seriesuid"].map(patient).isin(own)]


def combined(judged: pd.DataFrame, weights: Floats) -> pd.DataFrame:
    """Table `classified` with the confidence that follows from the weights (3,)."""
    found = stacking.confidence(judged["probability"], judged["logit"], weights)
    return judged.assign(confidence=found)
