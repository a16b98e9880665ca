"""How the scores of two stages become one confidence: fitted on candidates of other folds."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.findings.candidate_hits import match
from nodules.findings.matches import with_matches
from nodules.stats.calibration import fit_stacked
from nodules.stats.logits import logit, sigmoid

EQUAL = np.array([0.5, 0.5, 0.0])  # weight of each stage's logit, and intercept

Floats = NDArray[np.float64]


def fit(judged: pd.DataFrame, nodules: pd.DataFrame, excluded: pd.DataFrame) -> Floats:
    """Weights of the two stages' logits, and an intercept, (3,).

    judged: table `classified` of scans that both stages have not seen. A candidate on an excluded
    finding teaches nothing. EQUAL where there are no candidates of one of the two kinds, or where a
    stage would count against what it says.
    """
    matched = with_matches(judged, match(judged[tables.columns("candidates")], nodules, excluded))
    kept = matched[~matched["excluded"]]
    weights = fit_stacked((kept["nodule"] > 0).to_numpy(np.int64), _logits(kept))
    return weights if (weights[:2] >= 0).all() else EQUAL


def combined(judged: pd.DataFrame, weights: Floats) -> pd.DataFrame:
    """Table `classified` with the confidence that the weights give."""
    return judged.assign(confidence=sigmoid(_logits(judged) @ weights[:2] + weights[2]))


def _logits(judged: pd.DataFrame) -> Floats:
    """(n, 2): the first stage's, of its probability, and the second stage's."""
    first = logit(judged["probability"].to_numpy(float))
    return np.column_stack([first, judged["logit"].to_numpy(float)])
