"""From which confidence of the two stages in 3-D on a finding is reported."""

from typing import Any

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.findings.candidate_hits import match
from nodules.findings.matches import with_matches
from nodules.stats.ranking import youden_threshold


def fitted(judged: pd.DataFrame, nodules: pd.DataFrame, excluded: pd.DataFrame) -> dict[str, Any]:
    """Threshold and temperature in the form of `fitted` in presence.json.

    judged: table `classified` of scans that none of its networks has seen, with the confidence by
    weights of other folds. A candidate on an excluded finding teaches nothing. The threshold is
    None where all candidates are of one kind; the temperature is 1, since the stages' confidence is
    that of a logistic regression, and so calibrated.
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
