"""Candidates joined with what they hit, from the stored table `matches`.

Kept apart from the hit rule, so that training on matched candidates does not import that rule.
"""

import pandas as pd

from nodules.base.files import UserError

KEY = ["seriesuid", "candidate"]


def with_matches(candidates: pd.DataFrame, matches: pd.DataFrame) -> pd.DataFrame:
    """Table `candidates` or `classified` with columns `nodule` and `excluded` from `matches`.

    Raises UserError if a candidate has no match: the tables come from different runs.
    """
    joined = candidates.merge(matches, on=KEY, how="left", validate="one_to_one")
    if joined["nodule"].isna().any():
        first = joined[joined["nodule"].isna()].iloc[0]
        raise UserError(
            f"results/detection: candidate {first['candidate']} of scan {first['seriesuid']} was"
            " not held against the reference. Run snakemake again from match_candidates."
        )
    return joined.astype({"nodule": "int64", "excluded": bool})


def false_alarms(matched: pd.DataFrame) -> pd.DataFrame:
    """Matched candidates that hit neither a nodule nor an excluded finding."""
    return matched[(matched["nodule"] == 0) & ~matched["excluded"].astype(bool)]
