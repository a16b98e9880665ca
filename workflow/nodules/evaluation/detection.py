"""Official scores of every detecting system on every set of scans, as tables and JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.evaluation import names, pairs, sets
from nodules.evaluation.froc import GRID, RATES, FrocResult, compare, evaluate, sensitivity_at
from nodules.evaluation.overlap_hits import TOUCHED, overlapping
from nodules.evaluation.sets import of
from nodules.evaluation.statements.detection import write
from nodules.stats import bootstrap

PER_SCAN = 8  # candidates, or false alarms, per scan at which recall is also given
BEST, WITHIN = f"best_{PER_SCAN}_per_scan", f"at_most_{PER_SCAN}_false_alarms"


@dataclass(frozen=True)
class DetectionScores:
    """Tables of all systems and sets, and the content of detection.json."""

    froc: pd.DataFrame
    marks: pd.DataFrame
    nodule_hits: pd.DataFrame
    summary: dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """The reference for marks: tables `nodules`, `excluded` and `folds`."""

    nodules: pd.DataFrame
    excluded: pd.DataFrame
    folds: pd.DataFrame


def score_systems(
    systems: dict[str, pd.DataFrame], truth: Truth, replicates: int, seed: int
) -> DetectionScores:
    """Score each system's marks (table `candidates`, scores in `probability`) on each set.

    Every scan of a set counts, with or without nodules or marks. All systems are scored on the
    same resamples, so that their differences are paired.
    """
    found: dict[str, list[pd.DataFrame]] = {"froc": [], "marks": [], "nodule_hits": []}
    summary: dict[str, Any] = {"systems": {}, "differences": {}}
    results: dict[tuple[str, str], FrocResult] = {}
    for system, marks in systems.items():
        sets.fold_of(marks, truth.folds)
        summary["systems"][system] = {}
        for name, uids in sets.scans_by_set(truth.folds).items():
            own, nodules = of(marks, uids), of(truth.nodules, uids)
            excluded = of(truth.excluded, uids)
            result = _evaluate(own, nodules, excluded, uids, replicates, seed)
            results[system, name] = result
            points = operating_points(own, nodules, excluded, result, replicates)
            summary["systems"][system][name] = result.to_dict() | {"operating_points": points}
            key = {"system": system, "set": name}
            found["froc"].append(_curve(result).assign(**key))
            if name in names.SETS:
                found["marks"].append(_marks(own, nodules, result).assign(**key))
                found["nodule_hits"].append(_hits(own, nodules, result).assign(**key))
    # Hits by overlap and hits by distance are different tasks, so they are not compared.
    by_overlap = {system: TOUCHED in marks for system, marks in systems.items()}
    comparable = [
        pair
        for pair in pairs.SYSTEM_PAIRS
        if by_overlap.get(pair.first) == by_overlap.get(pair.second)
    ]
    summary["differences"] = _differences(results, comparable)
    summary["statement"] = write(summary)
    joined = {n: pd.concat([f for f in t if len(f)] or t[:1]) for n, t in found.items()}
    checked = {n: tables.frame(n, table) for n, table in joined.items()}
    return DetectionScores(**checked, summary=summary)


def operating_points(
    marks: pd.DataFrame,
    nodules: pd.DataFrame,
    excluded: pd.DataFrame,
    result: FrocResult,
    replicates: int,
) -> dict[str, Any]:
    """Recall, false alarms and candidates per scan for three ways of choosing marks.

    all: every mark, no threshold. best_8_per_scan: each scan's eight highest-scoring marks (ties
    by candidate number). at_most_8_false_alarms: marks above the lowest threshold at which the set
    has at most eight false positives per scan on average; it is kept fixed in the resamples.
    """
    drawn = bootstrap.weights(result.n_scans, replicates, result.seed)
    order = marks.sort_values(["probability", "candidate"], ascending=[False, True])
    best = order.groupby("seriesuid").head(PER_SCAN).reset_index(drop=True)
    best_result = _evaluate(best, nodules, excluded, result.scans, 0, result.seed)
    probability = marks["probability"].to_numpy(float)
    false = np.sort(probability[result.mark_status == "FP"])[::-1]
    allowed = PER_SCAN * result.n_scans
    cut = false[allowed] if len(false) > allowed else -np.inf
    every = np.ones(len(marks), bool)
    return {
        "all": _point(marks, nodules, result, every, -np.inf, drawn),
        BEST: _point(best, nodules, best_result, np.ones(len(best), bool), -np.inf, drawn),
        WITHIN: {"above": cut} | _point(marks, nodules, result, probability > cut, cut, drawn),
    }


def _evaluate(
    marks: pd.DataFrame,
    nodules: pd.DataFrame,
    excluded: pd.DataFrame,
    scans: Sequence[str],
    replicates: int,
    seed: int,
) -> FrocResult:
    given, wanted, neither = (
        {str(name): table[name].to_numpy() for name in table}
        for table in (marks, nodules, excluded)
    )
    hit = overlapping(given, wanted) if TOUCHED in given else None
    return evaluate(given, wanted, neither, scans, bootstrap=replicates, seed=seed, hit=hit)


def _point(
    marks: pd.DataFrame,
    nodules: pd.DataFrame,
    result: FrocResult,
    kept: NDArray[np.bool_],
    cut: float,
    drawn: NDArray[np.float64],
) -> dict[str, Any]:
    """Estimates for the marks kept; a nodule is found if its best mark scores above the cut."""
    index = pd.Index(result.scans)
    scan, home = (index.get_indexer(pd.Index(t["seriesuid"])) for t in (marks, nodules))
    hit = np.nan_to_num(result.nodule_probability, nan=-np.inf) > cut
    n = result.n_scans
    found, of_nodules = (drawn @ bootstrap.per_scan(home, v, n) for v in (hit, np.ones(len(home))))
    false = drawn @ bootstrap.per_scan(scan, kept & (result.mark_status == "FP"), n)
    candidates = drawn @ bootstrap.per_scan(scan, kept, n)
    estimates = {
        "recall": bootstrap.estimate(
            bootstrap.ratio(found, of_nodules),
            "the set has no reference nodule",
            {"scans": n, "nodules": len(home)},
        ),
        "false_alarms_per_scan": bootstrap.estimate(false / n, counts={"scans": n}),
        "candidates_per_scan": bootstrap.estimate(candidates / n, counts={"scans": n}),
    }
    return {name: value.to_dict() for name, value in estimates.items()}


def _curve(result: FrocResult) -> pd.DataFrame:
    """Corners of the FROC curve, and the points on GRID with their bounds."""
    corners = pd.DataFrame(
        {
            "point": "corner",
            "fp_per_scan": result.curve.fp_per_scan,
            "sensitivity": result.curve.sensitivity,
            "threshold": np.where(np.isinf(result.curve.threshold), np.nan, result.curve.threshold),
            "low": np.nan,
            "high": np.nan,
        }
    )
    band = pd.DataFrame(
        {
            "point": "band",
            "fp_per_scan": GRID,
            "sensitivity": sensitivity_at(result.curve, GRID),
            "threshold": np.nan,
            "low": result.band[:, 0],
            "high": result.band[:, 1],
        }
    )
    return pd.concat([corners, band], ignore_index=True)


def _marks(marks: pd.DataFrame, nodules: pd.DataFrame, result: FrocResult) -> pd.DataFrame:
    columns = ["seriesuid", "candidate", "x", "y", "z", "probability"]
    numbers = np.r_[nodules["nodule"].to_numpy(np.int64), 0]  # row -1: no nodule
    status = np.asarray(result.mark_status, dtype=object)
    return marks[columns].assign(status=status, nodule=numbers[result.mark_nodule])


def _hits(marks: pd.DataFrame, nodules: pd.DataFrame, result: FrocResult) -> pd.DataFrame:
    numbers = np.r_[marks["candidate"].to_numpy(np.int64), 0]  # row -1: missed
    return nodules[["seriesuid", "nodule", "diameter_mm"]].assign(
        hit=result.nodule_mark >= 0,
        candidate=numbers[result.nodule_mark],
        probability=result.nodule_probability,
    )


def _differences(
    results: dict[tuple[str, str], FrocResult], comparable: Iterable[names.Pair]
) -> dict[str, Any]:
    """Differences in CPM and sensitivities for each pair and set, with paired intervals."""
    differences: dict[str, Any] = {}
    for pair in comparable:
        one, other = pair.second, pair.first
        shared = [name for system, name in results if system == one and (other, name) in results]
        for name in shared:
            found = compare(results[one, name], results[other, name])
            differences.setdefault(pair.key, {})[name] = {
                "value": found.cpm,
                "low": found.ci[0],
                "high": found.ci[1],
                "sensitivity": {
                    f"{rate:g}": {"value": value, "low": low, "high": high}
                    for rate, value, (low, high) in zip(
                        RATES, found.sensitivity, found.sensitivity_ci, strict=True
                    )
                },
            }
    return differences
