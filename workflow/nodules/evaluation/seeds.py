"""Spread of a run's numbers over seeds, which shows how much depends on chance."""

from collections.abc import Mapping

import pandas as pd

KEY = ["measure", "point", "group", "system", "other", "set"]


def spread(metrics: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """Spread of each number in table `metrics` over runs with different seeds.

    metrics: the table by seed. Returns a row for each number that any run has: KEY, seeds (how
    many runs have it), mean, sd (sample standard deviation; NaN for one seed), least, greatest.
    NaN values are left out.
    """
    every = pd.concat([table.assign(seed=seed) for seed, table in metrics.items()])
    known = every.dropna(subset=["value"])
    found = known.groupby(KEY, sort=False)["value"].agg(
        seeds="count", mean="mean", sd="std", least="min", greatest="max"
    )
    return found.reset_index()
