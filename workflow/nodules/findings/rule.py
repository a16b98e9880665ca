"""The rule that turns LIDC readers' malignancy ratings into a label, benign or malignant.

A reader rates a nodule's likelihood of malignancy from 1 (highly unlikely) to 5 (highly
suspicious); 3 is indeterminate. A rating is an opinion about an image, not a diagnosis.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MALIGNANT, BENIGN, LEFT_OUT = 1, 0, -1
COMBINE: dict[str, Callable[[Sequence[int]], float]] = {
    "median": lambda ratings: float(np.median(ratings)),
    "mean": lambda ratings: float(np.mean(ratings)),
    "max": lambda ratings: float(np.max(ratings)),
}
CLASSES = (0, 1)  # benign, malignant
NAMES = {0: "benign", 1: "malignant"}


@dataclass(frozen=True)
class Rule:
    """Rule by which a nodule is benign, malignant or left out.

    least_readers: fewest ratings that a nodule needs. combine: a key of COMBINE. A combined rating
    up to `benign` means benign, from `malignant` on malignant; in between, the nodule is left out.
    """

    least_readers: int
    combine: str
    benign: float
    malignant: float

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Rule":
        """Rule from config section `malignancy`."""
        return cls(
            *(settings[name] for name in ("least_readers", "combine", "benign", "malignant"))
        )

    def text(self) -> str:
        """Description of the rule in words."""
        readers = f"{self.least_readers} reader{'s' if self.least_readers > 1 else ''}"
        return (
            f"{self.combine} of the ratings (of {readers} or more) at most"
            f" {self.benign:g} benign, at least {self.malignant:g} malignant"
        )


# Three rules from the literature. 2.8 and 3.2 stand for "< 3" and "> 3": the only mean of up to
# four ratings within 0.2 of 3 is 3 itself.
COMMON = {
    "any reader >= 4": Rule(1, "max", 3, 4),
    "mean > 3 or < 3": Rule(1, "mean", 2.8, 3.2),
    "median >= 4 or <= 2": Rule(1, "median", 2, 4),
}


def rate(combine: str, ratings: Sequence[int]) -> float:
    """Combined rating of all readers; NaN without ratings."""
    return COMBINE[combine](ratings) if len(ratings) else float("nan")


def decide(ratings: Sequence[int], rule: Rule) -> int:
    """Label of a nodule: 1 malignant, 0 benign, -1 left out (too few readers, or in between)."""
    rating = rate(rule.combine, ratings)
    if len(ratings) < rule.least_readers or rule.benign < rating < rule.malignant:
        return LEFT_OUT
    return MALIGNANT if rating >= rule.malignant else BENIGN


def under(labels: pd.DataFrame, rule: Rule) -> NDArray[np.int64]:
    """Label of each row of table `malignancy_labels` under a given rule."""
    return np.array([decide(own, rule) for own in labels["ratings"]], np.int64)


def attrition(labels: pd.DataFrame, rule: Rule) -> dict[str, int]:
    """Numbers of nodules left after each step from reference list to label, and of either class."""
    enough, verdict = labels["readers"] >= rule.least_readers, under(labels, rule)
    return {
        "reference": len(labels),
        "joined": int((labels["readers"] > 0).sum()),
        "enough_readers": int((enough & (labels["readers"] > 0)).sum()),
        "labelled": int((verdict != LEFT_OUT).sum()),
        "malignant": int((verdict == MALIGNANT).sum()),
        "benign": int((verdict == BENIGN).sum()),
    }
