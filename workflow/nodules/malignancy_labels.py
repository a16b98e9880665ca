"""Benign or malignant as the LIDC readers rated it: which nodule has which ratings, which label.

A reader rates a nodule's likelihood of malignancy from 1 (highly unlikely) to 5 (highly
suspicious); 3 is indeterminate. It is an opinion about a picture, not a diagnosis.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules import lidc, masks, readers, seeds, tables
from nodules.geometry import Geometry

MALIGNANT, BENIGN, LEFT_OUT = 1, 0, -1
COMBINE: dict[str, Callable[[Sequence[int]], float]] = {
    "median": lambda ratings: float(np.median(ratings)),
    "mean": lambda ratings: float(np.mean(ratings)),
    "max": lambda ratings: float(np.max(ratings)),
}
BY_TABLES, BY_OUTLINES = "joined by position and diameter", "joined by the readers' outlines"


@dataclass(frozen=True)
class Rule:
    """When a nodule is benign, malignant or left out.

    readers: least ratings a nodule needs. combine: a key of COMBINE. A combined rating of at most
    `benign` is benign, of at least `malignant` malignant; between the two it is left out.
    """

    readers: int
    combine: str
    benign: float
    malignant: float

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Rule":
        """The rule of config section `malignancy`."""
        return cls(*(settings[name] for name in ("readers", "combine", "benign", "malignant")))

    def text(self) -> str:
        """The rule in words."""
        return (
            f"{self.combine} of the ratings (of {self.readers} readers or more) at most"
            f" {self.benign:g} benign, at least {self.malignant:g} malignant"
        )


# Three rules of the literature; no mean of up to four ratings lies within 0.2 of 3 but 3 itself.
COMMON = {
    "any reader >= 4": Rule(1, "max", 3, 4),
    "mean > 3 or < 3": Rule(1, "mean", 2.8, 3.2),
    "median >= 4 or <= 2": Rule(1, "median", 2, 4),
}


def rate(combine: str, ratings: Sequence[int]) -> float:
    """The readers' ratings as one; NaN where there is none."""
    return COMBINE[combine](ratings) if len(ratings) else float("nan")


def decide(ratings: Sequence[int], rule: Rule) -> int:
    """1 malignant, 0 benign, -1 left out: too few readers, or between the two."""
    rating = rate(rule.combine, ratings)
    if len(ratings) < rule.readers or rule.benign < rating < rule.malignant:
        return LEFT_OUT
    return MALIGNANT if rating >= rule.malignant else BENIGN


def label(
    nodules: pd.DataFrame, found: pd.DataFrame, rule: Rule, shuffled: int | None = None
) -> pd.DataFrame:
    """Table `malignancy_labels` of all reference nodules.

    nodules: table of that name. found: `from_database` or `from_outlines`, row by row.
    shuffled: seed of a check that what is learned comes from the labels: the ratings change places
    at random among the nodules that have some, before anything reads them.
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


def under(labels: pd.DataFrame, rule: Rule) -> NDArray[np.int64]:
    """Label of each row of `malignancy_labels` under another rule."""
    return np.array([decide(own, rule) for own in labels["ratings"]], np.int64)


def attrition(labels: pd.DataFrame, rule: Rule) -> dict[str, int]:
    """Nodules left after each step from the reference list to a label, and of which kind."""
    enough, verdict = labels["readers"] >= rule.readers, under(labels, rule)
    return {
        "reference": len(labels),
        "joined": int((labels["readers"] > 0).sum()),
        "enough_readers": int((enough & (labels["readers"] > 0)).sum()),
        "labelled": int((verdict != LEFT_OUT).sum()),
        "malignant": int((verdict == MALIGNANT).sum()),
        "benign": int((verdict == BENIGN).sum()),
    }


def from_database(nodules: pd.DataFrame) -> pd.DataFrame:
    """Ratings (lists) and reason of each nodule, from LIDC's database and the tables alone."""
    uids = sorted(set(nodules["seriesuid"]))
    positions = lidc.nodule_positions(uids)
    known = set(lidc.patients())
    if positions.empty:
        chosen = pd.Series(-1, index=nodules.index)
    else:
        chosen = readers.match(positions, nodules)
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
    """Ratings (lists) and reason of each nodule, from outlines on the scans' own grids.

    All four are tables of these names; joined as the masks are.
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
    """How a nodule was joined and, where it is left out, why."""
    if verdict != LEFT_OUT or not len(ratings):
        return joined
    if len(ratings) < rule.readers:
        return f"{joined}; left out: {len(ratings)} readers, {rule.readers} needed"
    rating = rate(rule.combine, ratings)
    return (
        f"{joined}; left out: {rule.combine} {rating:.2f} lies between {rule.benign:g} and"
        f" {rule.malignant:g}"
    )
