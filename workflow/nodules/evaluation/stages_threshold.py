"""Confidence of the two 3-D stages from which a finding is reported."""

from typing import Any

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.findings.candidate_hits import match
from nodules.findings.matches import with_matches
from nodules.stats.ranking import youden_threshold


def fitted(judged: pd.DataFrame, nodules: pd.DataFrame, excluded: pd.DataFrame) -> dict[str, Any]:
    """Threshold and temperature in the form of `fitted` in presence.json.

    judged: table `classified` of scans on which none of its networks was trained, with confidences
    by weights from other folds. Candidates on excluded findings are left out. The threshold is None
    if none could be fitted. The temperature is 1, since the stages' confidence comes from a
    logistic regression and so is calibrated.
    """
    matched = with_matches(judged, match(judged[tables.columns("candidates")], nodules, excluded))
    kept = matched[~matched["excluded"]]
    labels = (kept["nodule"] > 0).to_numpy(np.int64)
    threshold = youden_threshold(labels, kept["confidence"].to_numpy(float))
    none = bool(np.isnan(threshold))
    return {
        "threshold": {"test": None if none else threshold},
        "temperature": {"test": 1.0},
        "rule": "none could be fitted" if none else "greatest Youden index",
        "n_validation": len(kept),
    }
