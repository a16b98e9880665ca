"""Candidates with what they hit, from the stored table `matches`.

Apart from the rule of what is hit, so that training on matched candidates does not import it.
"""

import pandas as pd

from nodules.base.files import UserError

KEY = ["seriesuid", "candidate"]


def with_matches(candidates: pd.DataFrame, matches: pd.DataFrame) -> pd.DataFrame:
    """Candidates (table `candidates` or `classified`) with columns `nodule` and `excluded`.

    Raises UserError where a candidate was not matched: the tables are of different runs.
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
    """Those candidates with matches that hit neither a nodule nor an excluded finding."""
    return matched[(matched["nodule"] == 0) & ~matched["excluded"].astype(bool)]
