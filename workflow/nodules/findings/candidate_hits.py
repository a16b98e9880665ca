"""Which candidates hit what: held against reference nodules and excluded findings, scan by scan."""

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.findings.hits import matched

KEY = ["seriesuid", "candidate"]


def match(candidates: pd.DataFrame, nodules: pd.DataFrame, excluded: pd.DataFrame) -> pd.DataFrame:
    """Table `matches` of table `candidates`: the nodule that each hits by the official rule.

    nodules, excluded: tables of these names. Of several nodules hit, the nearest; a candidate that
    hits a nodule is not excluded.
    """
    parts = [tables.frame("matches")]
    others = [dict(list(table.groupby("seriesuid"))) for table in (nodules, excluded)]
    for uid, own in candidates.groupby("seriesuid"):
        near, beside = (
            found.get(uid, table.iloc[:0])
            for found, table in zip(others, (nodules, excluded), strict=True)
        )
        # A row of -1, for no hit, picks the 0 at the end.
        nodule = np.append(near["nodule"].to_numpy(), 0)[matched(own, near)]
        hit = own[KEY].assign(nodule=nodule, excluded=(matched(own, beside) >= 0) & (nodule == 0))
        parts.append(tables.frame("matches", hit))
    return tables.stacked(parts)
