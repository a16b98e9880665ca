"""Ensembles: several networks' answers on a nodule, averaged or put to a vote.

These are the sum rule and the majority vote of Kittler et al., On combining classifiers, IEEE
TPAMI 20(3), 1998.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

VOTES = ("average", "majority")
NODULE = ["system", "seriesuid", "nodule"]
CALLED = 0.5  # a network votes malignant at or above this probability


def combine(scores: pd.DataFrame, vote: str) -> pd.DataFrame:
    """One row per (system, seriesuid, nodule) with the members' joint `logit` and `probability`.

    scores: table `malignancy_scores`. vote: `average` (mean probability) or `majority` (share of
    members that call the nodule malignant; a tie gives 0.5). A single member's answer is kept
    unchanged under either, since a vote of one would lose the ranking of nodules. The logit is
    that of the probability; for a share of votes v / n it is log((v + 1/2) / (n - v + 1/2)), which
    is always finite (Haldane 1956).
    Raises ValueError for any other vote, or if a member answers twice on a nodule.
    """
    if vote not in VOTES:
        raise ValueError(f"vote {vote!r}: not one of {', '.join(VOTES)}")
    if scores.duplicated([*NODULE, "member"]).any():
        raise ValueError("a member answers twice on one nodule")
    by_nodule = scores.sort_values([*NODULE, "member"]).groupby(NODULE, as_index=False)
    together = _average if vote == "average" else _majority
    rows = [
        dict(zip(NODULE, key, strict=True))
        | {"logit": float(own["logit"].iloc[0]), "probability": float(own["probability"].iloc[0])}
        | (together(own) if len(own) > 1 else {})
        for key, own in by_nodule
    ]
    return pd.DataFrame(rows, columns=[*NODULE, "logit", "probability"])


def _average(own: pd.DataFrame) -> dict[str, float]:
    # In logarithms, so that answers near 0 and 1 keep their precision.
    logits = own["logit"].to_numpy(float)
    malignant, benign = (_log_sum(-np.logaddexp(0, sign * logits)) for sign in (-1, 1))
    return {"logit": malignant - benign, "probability": float(own["probability"].mean())}


def _majority(own: pd.DataFrame) -> dict[str, float]:
    votes, n = int((own["probability"] >= CALLED).sum()), len(own)
    return {"logit": float(np.log((votes + 0.5) / (n - votes + 0.5))), "probability": votes / n}


def _log_sum(logs: NDArray[np.float64]) -> float:
    return float(np.logaddexp.reduce(logs))
