"""Readers' ratings of each nodule, and the label that the rule derives from them."""

from collections.abc import Sequence

import pandas as pd

from nodules.base import tables
from nodules.datasets import lidc, outlines
from nodules.findings.rule import LEFT_OUT, Rule, decide, rate
from nodules.images.geometry import Geometry
from nodules.prepare import masks
from nodules.stats import seeds

BY_TABLES, BY_OUTLINES = "joined by position and diameter", "joined by the readers' outlines"


def label(
    nodules: pd.DataFrame, found: pd.DataFrame, rule: Rule, shuffled: int | None = None
) -> pd.DataFrame:
    """Table `malignancy_labels` of all reference nodules.

    nodules: table of that name. found: result of `from_database` or `from_outlines`, row by row.
    shuffled: seed for a check that what is learned comes from the labels; ratings are permuted
    among the rated nodules before anything reads them.
    """
    ratings, reasons = list(found["ratings"]), list(found["reason"])
    if shuffled is not None:
        rated = [i for i, own in enumerate(ratings) if len(own)]
        order = seeds.generator(shuffled, "shuffled labels").permutation(len(rated))
        moved = [ratings[rated[k]] for k in order]
        for i, own in zip(rated, moved, strict=True):
            ratings[i], reasons[i] = own, f"{reasons[i]}, then given another nodule's ratings"
    labels = [decide(own, rule) for own in ratings]
    rows = nodules.assign(
        readers=[len(own) for own in ratings],
        ratings=ratings,
        rating=[rate(rule.combine, own) for own in ratings],
        label=labels,
        reason=[
            _reason(reason, own, verdict, rule)
            for reason, own, verdict in zip(reasons, ratings, labels, strict=True)
        ],
    )
    return tables.frame("malignancy_labels", rows)


def from_database(nodules: pd.DataFrame) -> pd.DataFrame:
    """Ratings (lists) and reason for each nodule, from LIDC's database and the tables alone."""
    uids = sorted(set(nodules["seriesuid"]))
    positions = lidc.nodule_positions(uids)
    known = set(lidc.patients())
    if positions.empty:
        chosen = pd.Series(-1, index=nodules.index)
    else:
        chosen = outlines.match(positions, nodules)
    score = lidc.malignancy(uids)
    rows = [
        {
            "ratings": [score[a] for a in positions.loc[at, "annotations"]] if at >= 0 else [],
            "reason": BY_TABLES if at >= 0 else _not_joined(uid in known),
        }
        for uid, at in zip(nodules["seriesuid"], chosen, strict=True)
    ]
    return pd.DataFrame(rows, columns=["ratings", "reason"])


def from_outlines(
    nodules: pd.DataFrame, scans: pd.DataFrame, contours: pd.DataFrame, ratings: pd.DataFrame
) -> pd.DataFrame:
    """Ratings (lists) and reason for each nodule, from readers' outlines on the scans' grids.

    All arguments are tables of these names. Outlines are joined to nodules as for the masks.
    """
    given = ratings.set_index(["seriesuid", "annotation"])["malignancy"]
    grids = {row["seriesuid"]: Geometry.from_row(row) for _, row in scans.iterrows()}
    drawn = dict(list(contours.groupby("seriesuid")))
    joined: dict[tuple[str, int], list[int]] = {}
    for uid, own in nodules.groupby("seriesuid"):
        if uid in drawn:
            for nodule, numbers in masks.annotations(grids[uid], own, drawn[uid]).items():
                joined[uid, nodule] = [int(given.loc[(uid, a)]) for a in numbers]
    keys = zip(nodules["seriesuid"], nodules["nodule"], strict=True)
    found = [joined.get(key, []) for key in keys]
    reasons = [BY_OUTLINES if own else "not joined: no outline lies at its place" for own in found]
    return pd.DataFrame({"ratings": found, "reason": reasons})


def _not_joined(known: bool) -> str:
    if known:
        return "not joined: no LIDC nodule of the series fits it in place and diameter"
    return "not joined: LIDC does not hold the series"


def _reason(joined: str, ratings: Sequence[int], verdict: int, rule: Rule) -> str:
    """How a nodule was joined to its ratings and, if it is left out, why."""
    if verdict != LEFT_OUT or not len(ratings):
        return joined
    if len(ratings) < rule.least_readers:
        return f"{joined}; left out: {len(ratings)} readers, {rule.least_readers} needed"
    rating = rate(rule.combine, ratings)
    return (
        f"{joined}; left out: {rule.combine} {rating:.2f} lies between {rule.benign:g} and"
        f" {rule.malignant:g}"
    )
