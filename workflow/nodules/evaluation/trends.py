"""Loss and confidence over slices, and confidence against Dice and correctness, for each set."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.evaluation import sets
from nodules.evaluation.runs import following
from nodules.evaluation.sets import of
from nodules.evaluation.statements.proxy import write
from nodules.stats import bootstrap, trends
from nodules.stats.bootstrap import interval
from nodules.stats.ranking import rank_measures

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WINDOW, MOST_WINDOWS = 100, 75  # as published
SHUFFLES = 1000
CHUNK = 64  # resamples whose per-case weights are in memory at once
GOOD_DICE = 0.5
CALLED = 0.5  # called a nodule from this confidence on: the sigmoid's midpoint, nothing fitted
CERTAINTY_BINS = 5
SERIES = ("presence_loss", "unet_loss", "confidence", "certainty")
TREND_TABLES = (
    "trend_slices",
    "trend_windows",
    "proxy_nodules",
    "certainty_bins",
    "risk_coverage",
)


@dataclass(frozen=True)
class Predictions:
    """Tables `slice_confidence`, `slice_scores`, `classified` and `segmentation` of all parts."""

    confidence: pd.DataFrame
    scores: pd.DataFrame
    classified: pd.DataFrame
    segmentation: pd.DataFrame


def analyse(
    given: Predictions, folds: pd.DataFrame, replicates: int, seed: int, detector: str
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Tables TREND_TABLES by name, and the content of trends.json, for the test and out of fold.

    detector: the one whose candidates are classified; `unet_loss` is its loss, whichever it is.
    """
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in TREND_TABLES}
    summary: dict[str, Any] = {"sets": {}}
    for name, uids in sets.pooled_sets(folds).items():
        slices = slice_series(of(given.confidence, uids), of(given.scores, uids))
        rows = given.segmentation[given.segmentation["set"] == name]
        nodules = proxy_nodules(rows, of(given.classified, uids), detector)
        answers = candidate_answers(of(given.classified, uids))
        risk, areas = risk_curves(nodules, answers, replicates, seed)
        summary["sets"][name] = {
            "slopes": {column: slope(slices, column, seed) for column in SERIES},
            "n_reference_nodules": int((rows["comparison"] == detector).sum()),
            "proxy": proxy(nodules, answers, replicates, seed),
            "risk_coverage": areas,
        }
        parts = (slices, windows(slices), nodules, certainty_bins(answers), risk)
        for table, part in zip(TREND_TABLES, parts, strict=True):
            found[table].append(part.assign(set=name))
    for name, numbers in summary["sets"].items():
        numbers["statement"] = following(write(name, numbers), detector)
    summary["main_set"] = next(iter(summary["sets"]), None)
    summary["statement"] = summary["sets"].get(summary["main_set"], {}).get("statement", "")
    joined = {
        name: tables.frame(name, pd.concat([p for p in parts if len(p)] or [pd.DataFrame()]))
        for name, parts in found.items()
    }
    return joined, summary


def slice_series(confidence: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Table `trend_slices` without column `set`: scans by UID, slices from feet to head."""
    losses = scores[["seriesuid", "slice", "loss"]].rename(columns={"loss": "unet_loss"})
    both = confidence.rename(columns={"loss": "presence_loss"}).merge(
        losses, on=["seriesuid", "slice"], how="left", validate="one_to_one"
    )
    both = both.sort_values(["seriesuid", "slice"], ignore_index=True)
    p = both["confidence"].to_numpy(float)
    certainty = np.maximum(p, 1 - p)
    return both.assign(
        index=np.arange(len(both)),
        certainty=certainty,
        running_confidence=trends.running_mean(p),
        running_certainty=trends.running_mean(certainty),
    )


def windows(slices: pd.DataFrame) -> pd.DataFrame:
    """Table `trend_windows` without column `set`: means over windows of consecutive slices."""
    spans = trends.last_windows(len(slices), WINDOW, MOST_WINDOWS)
    rows = [
        {"window": number, "first": first, "n": end - first}
        | {column: slices[column].iloc[first:end].mean() for column in SERIES}
        for number, (first, end) in enumerate(spans, 1)
    ]
    return pd.DataFrame(rows)


def slope(slices: pd.DataFrame, column: str, seed: int) -> dict[str, Any] | None:
    """Regression over the slice index, and slopes for shuffled orders; None below three values."""
    known = slices[slices[column].notna()]
    if len(known) < 3:
        return None
    values = known[column].to_numpy(float)
    scan, n_scans = bootstrap.codes(known["seriesuid"].to_numpy())
    line = trends.regression(values, scan)
    found = asdict(line) | {"n_scans": n_scans}
    if bootstrap.too_few({"scans": n_scans}):
        found |= dict.fromkeys(("low", "high", "low_scans", "high_scans"), np.nan)
    for suffix, whole in (("", False), ("_scans", True)):
        shuffled = trends.shuffled_slopes(values, scan, SHUFFLES, seed, whole)
        found[f"p{suffix}"] = trends.two_sided_p(line.slope, shuffled)
        found[f"rank{suffix}"] = float((shuffled < line.slope).mean())
        found[f"shuffled{suffix}"] = shuffled
    return found


def proxy_nodules(
    segmentation: pd.DataFrame, classified: pd.DataFrame, detector: str
) -> pd.DataFrame:
    """Detected nodules with Dice and their candidates' highest confidence and probability.

    Missed nodules have no candidate, and so no confidence.
    """
    rows = segmentation[(segmentation["comparison"] == detector) & segmentation["detected"]]
    each = rows.explode("candidates").rename(columns={"candidates": "candidate"})
    each = each.astype({"candidate": "int64"})
    scores = classified[["seriesuid", "candidate", "confidence", "probability"]]
    joined = each.merge(scores, on=["seriesuid", "candidate"], validate="many_to_one")
    keys = ["seriesuid", "nodule", "diameter_mm", "dice"]
    return joined.groupby(keys, as_index=False)[["confidence", "probability"]].max()


def candidate_answers(classified: pd.DataFrame) -> pd.DataFrame:
    """Counted candidates, with the certainty of ResNet50's answer and whether it is right."""
    counted = classified[(classified["nodule"] > 0) | ~classified["excluded"]]
    p = counted["confidence"].to_numpy(float)
    right = (p >= CALLED) == (counted["nodule"].to_numpy() > 0)
    return pd.DataFrame(
        {
            "seriesuid": counted["seriesuid"].to_numpy(object),
            "certainty": np.maximum(p, 1 - p),
            "right": right.astype(np.int64),
        }
    )


def certainty_bins(answers: pd.DataFrame) -> pd.DataFrame:
    """Share of right answers among candidates, by bins of certainty from 0.5 to 1."""
    edges = np.linspace(0.5, 1, CERTAINTY_BINS + 1)
    place = np.searchsorted(edges[1:-1], answers["certainty"], side="right")
    rows = [
        {
            "low": edges[i],
            "high": edges[i + 1],
            "n": len(part),
            "certainty": part["certainty"].mean(),
            "right": part["right"].mean(),
        }
        for i in range(CERTAINTY_BINS)
        if len(part := answers[place == i])
    ]
    return pd.DataFrame(rows)


def proxy(
    nodules: pd.DataFrame, answers: pd.DataFrame, replicates: int, seed: int
) -> dict[str, Any]:
    """Correlations of confidence with Dice, and of certainty with correctness."""
    dice, confidence, diameter, probability = (
        nodules[c].to_numpy(float) for c in ("dice", "confidence", "diameter_mm", "probability")
    )
    good = (dice >= GOOD_DICE).astype(np.int64)
    by_nodule = _Cases(nodules["seriesuid"], replicates, seed)
    by_candidate = _Cases(answers["seriesuid"], replicates, seed)
    certainty, right = answers["certainty"].to_numpy(float), answers["right"].to_numpy(np.int64)
    return {
        "n_nodules": len(nodules),
        "n_nodule_scans": by_nodule.n_scans,
        "mean_dice": float(dice.mean()) if len(dice) else None,
        "confidence_and_dice": by_nodule.correlations(confidence, dice)
        | {
            "spearman_given_diameter": by_nodule.estimate(
                lambda w: trends.partial_spearman(confidence, dice, diameter, w)
            )
        },
        "probability_and_dice": by_nodule.correlations(probability, dice),
        "diameter_and_dice": by_nodule.correlations(diameter, dice),
        "confidence_and_good_dice": {"good_dice": GOOD_DICE, "n_good": int(good.sum())}
        | by_nodule.auc(good, confidence),
        "n_candidates": len(answers),
        "n_candidate_scans": by_candidate.n_scans,
        "share_right": float(right.mean()) if len(right) else None,
        "certainty_and_right": by_candidate.correlations(certainty, right, two_kinds=True)
        | by_candidate.auc(right, certainty),
    }


def risk_curves(
    nodules: pd.DataFrame, answers: pd.DataFrame, replicates: int, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Table `risk_coverage` without column `set`, and the areas under its curves."""
    tasks = {
        "segmentation": (nodules, nodules["confidence"], 1 - nodules["dice"]),
        "decision": (answers, answers["certainty"], 1 - answers["right"]),
    }
    tabled, areas = [], {}
    for task, (cases, sureness, risk) in tasks.items():
        each = _Cases(cases["seriesuid"], replicates, seed)
        sure, cost = sureness.to_numpy(float), risk.to_numpy(float)
        curves = each.over(lambda w, s=sure, c=cost: trends.risk_coverage(s, c, w))  # type: ignore[misc]
        best = trends.risk_coverage(-cost, cost, np.ones((1, len(cost))))[0]
        bounds = interval(curves[1:])
        areas[task] = {
            "n": len(cases),
            "area": bootstrap.estimate(curves.mean(axis=1), "no case").to_dict(),
            "area_of_best_order": float(best.mean()),
            "risk_of_all": float(curves[0, -1]),
            "risk_of_surest_half": bootstrap.estimate(
                curves[:, len(trends.COVERAGES) // 2 - 1], "no case"
            ).to_dict(),
            "half_minus_all": bootstrap.estimate(
                curves[:, len(trends.COVERAGES) // 2 - 1] - curves[:, -1], "no case"
            ).to_dict(),
        }
        tabled.append(
            pd.DataFrame(
                {
                    "task": task,
                    "coverage": trends.COVERAGES,
                    "risk": curves[0],
                    "low": bounds[:, 0],
                    "high": bounds[:, 1],
                    "oracle": best,
                }
            )
        )
    return pd.concat(tabled, ignore_index=True).dropna(subset=["risk"]), areas


class _Cases:
    """Cases (nodules or candidates) and statistics of them over all resamples of their scans."""

    def __init__(self, uids: pd.Series, replicates: int, seed: int) -> None:
        self.scan, self.n_scans = bootstrap.codes(uids.to_numpy())
        self.drawn = bootstrap.weights(self.n_scans, replicates, seed)
        self.counts = {"scans": self.n_scans}

    def over(self, statistic: Callable[[Floats], Floats]) -> Floats:
        """Evaluate a statistic of weights (r, n) for all resamples, a chunk at a time."""
        starts = range(0, len(self.drawn), CHUNK)
        return np.concatenate([statistic(self.drawn[i : i + CHUNK][:, self.scan]) for i in starts])

    def estimate(
        self, statistic: Callable[[Floats], Floats], labels: Ints | None = None
    ) -> dict[str, Any]:
        """A statistic with its interval. labels: 0 or 1, if it is taken over two kinds of case."""
        reason = f"a correlation needs spread: {len(self.scan)} cases"
        counts = self.counts | ({} if labels is None else _kinds(labels))
        return bootstrap.estimate(self.over(statistic), reason, counts).to_dict()

    def correlations(self, x: Floats, y: NDArray[Any], two_kinds: bool = False) -> dict[str, Any]:
        """Spearman and Pearson correlation of x and y. two_kinds: whether y is 0 or 1."""
        labels = y if two_kinds else None
        return {
            "spearman": self.estimate(lambda w: trends.spearman(x, y, w), labels),
            "pearson": self.estimate(lambda w: trends.pearson(x, y, w), labels),
        }

    def auc(self, labels: Ints, scores: Floats) -> dict[str, Any]:
        """AUC of the scores for labels 1 and 0, with its interval."""
        values = rank_measures(labels, scores, self.scan, self.drawn)["auc"]
        one_kind, counts = "all cases are of one class", self.counts | _kinds(labels)
        return {"auc": bootstrap.estimate(values, one_kind, counts).to_dict()}


def _kinds(labels: Ints) -> dict[str, int]:
    """Numbers of cases of each kind, labelled 1 and 0."""
    return {"cases of one kind": int(labels.sum()), "of the other": int((1 - labels).sum())}
