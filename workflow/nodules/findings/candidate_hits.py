"""Matching of candidates to reference nodules and excluded findings, scan by scan."""

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.findings.hits import matched

KEY = ["seriesuid", "candidate"]


def match(candidates: pd.DataFrame, nodules: pd.DataFrame, excluded: pd.DataFrame) -> pd.DataFrame:
    """Table `matches`: the nodule that each candidate hits by the official rule.

    All arguments are tables of these names. Of several nodules hit, the nearest counts; a
    candidate that hits a nodule does not count as excluded.
    """
    parts = [tables.frame("matches")]
    others = [dict(list(table.groupby("seriesuid"))) for table in (nodules, excluded)]
    for uid, own in candidates.groupby("seriesuid"):
        near, beside = (
            found.get(uid, table.iloc[:0])
            for found, table in zip(others, (nodules, excluded), strict=True)
        )
        # Row -1, for no hit, picks the 0 appended at the end.
        nodule = np.append(near["nodule"].to_numpy(), 0)[matched(own, near)]
        hit = own[KEY].assign(nodule=nodule, excluded=(matched(own, beside) >= 0) & (nodule == 0))
        parts.append(tables.frame("matches", hit))
    return tables.stacked(parts)


def rematched(matches: pd.DataFrame, touching: pd.DataFrame, masked: pd.DataFrame) -> pd.DataFrame:
    """Table `matches` with hits by overlap for all lesions that have a mask.

    touching: columns seriesuid, candidate, nodule, voxels; of several lesions, the one that shares
    most voxels counts. masked: columns seriesuid, nodule of the lesions with a mask; hits of all
    others stay as in `matches`, by the official rule.
    """
    known = pd.MultiIndex.from_frame(masked[["seriesuid", "nodule"]])
    before = pd.MultiIndex.from_frame(matches[["seriesuid", "nodule"]])
    kept = matches["nodule"].where(~before.isin(known), 0)
    best = touching.sort_values(["voxels", "nodule"], ascending=[False, True], kind="stable")
    best = best.drop_duplicates(["seriesuid", "candidate"]).set_index(["seriesuid", "candidate"])
    place = pd.MultiIndex.from_frame(matches[["seriesuid", "candidate"]])
    hit = best["nodule"].reindex(place).fillna(0).astype("int64").to_numpy()
    nodule = np.where(hit > 0, hit, kept)
    return matches.assign(nodule=nodule, excluded=matches["excluded"] & (nodule == 0))
