"""How the scores of two stages become one confidence: fitted on candidates of other folds."""

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
    """Weights of the two stages' logits, and an intercept, (3,).

    judged: table `classified` of scans that both stages have not seen. A candidate on an excluded
    finding teaches nothing. EQUAL where there are no candidates of one of the two kinds, or where a
    stage would count against what it says.
    """
    matched = with_matches(judged, match(judged[tables.columns("candidates")], nodules, excluded))
    kept = matched[~matched["excluded"]]
    weights = fit_stacked(
        (kept["nodule"] > 0).to_numpy(np.int64), stacking.logits(kept["probability"], kept["logit"])
    )
    return weights if (weights[:2] >= 0).all() else EQUAL


def combined(judged: pd.DataFrame, weights: Floats) -> pd.DataFrame:
    """Table `classified` with the confidence that the weights give."""
    found = stacking.confidence(judged["probability"], judged["logit"], weights)
    return judged.assign(confidence=found)
