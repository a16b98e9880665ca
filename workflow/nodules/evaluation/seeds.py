"""The spread of a run's numbers over seeds: what one run's luck is worth."""

from collections.abc import Mapping

import pandas as pd

KEY = ["measure", "point", "group", "system", "other", "set"]


def spread(metrics: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """How each number of table `metrics` varies over runs, by seed.

    Returns a row for each number that some run has: KEY, seeds (how many runs have it), mean, sd
    (of a sample; NaN for one seed), least, greatest. Values that are NaN are left out.
    """
    every = pd.concat([table.assign(seed=seed) for seed, table in metrics.items()])
    known = every.dropna(subset=["value"])
    found = known.groupby(KEY, sort=False)["value"].agg(
        seeds="count", mean="mean", sd="std", least="min", greatest="max"
    )
    return found.reset_index()
