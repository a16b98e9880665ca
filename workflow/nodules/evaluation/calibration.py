"""Calibration of the detecting systems' scores, over all candidates and by their size.

Each system has its own temperature, fitted on candidates of other folds as in
`evaluation.presence`. A candidate's size is its own diameter, since a false alarm has no nodule to
measure.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.datasets import folds as division
from nodules.evaluation import overlap_hits, sets
from nodules.evaluation.names import TEST
from nodules.findings.candidate_hits import match
from nodules.findings.matches import with_matches
from nodules.findings.size import ALL, CLASSES, diameter_class
from nodules.stats import bootstrap, calibration
from nodules.stats.logits import logit, scaled

Floats = NDArray[np.float64]

NO_FIT = "the other folds' candidates are of one class only, so no temperature could be fitted"
NONE = "there is no candidate"


class Judged(NamedTuple):
    """Counted candidates (n,): labels, scores as given and scaled, and the UIDs of their scans."""

    labels: NDArray[np.int64]
    given: Floats
    scaled: Floats  # NaN where no temperature could be fitted
    uids: NDArray[np.object_]

    def of(self, rows: NDArray[np.bool_]) -> "Judged":
        """The candidates in the selected rows (n,)."""
        return Judged(self.labels[rows], self.given[rows], self.scaled[rows], self.uids[rows])


def score(
    systems: Mapping[str, pd.DataFrame],
    nodules: pd.DataFrame,
    excluded: pd.DataFrame,
    folds: pd.DataFrame,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Table `calibration` of all detecting systems.

    systems: table `candidates` of all parts by system key, with the system's score in
    `probability`. A candidate is positive if it hits a nodule by the official rule, or by overlap
    if marks and nodules have the columns of `overlap_hits`. Candidates that hit only an excluded
    finding are left out. Intervals are over scans.
    """
    parts = [tables.frame("calibration")]
    for key, marks in systems.items():
        candidates = tables.frame("candidates", marks[tables.columns("candidates")])
        found = overlap_hits.rematched(match(candidates, nodules, excluded), marks, nodules)
        matched = with_matches(candidates, found)
        kept = matched[(matched["nodule"] > 0) | ~matched["excluded"]]
        placed = kept.assign(fold=sets.fold_of(kept, folds), patient=sets.patient_of(kept, folds))
        rows = [row | {"system": key} for row in of_system(placed, replicates, seed)]
        parts.append(tables.frame("calibration", rows))
    return tables.stacked(parts)


def of_system(kept: pd.DataFrame, replicates: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of one system, by set, size class and measure.

    kept: the counted candidates, with columns nodule, fold and patient (an index).
    """
    labels = (kept["nodule"].to_numpy() > 0).astype(np.int64)
    given = kept["probability"].to_numpy(float)
    fold = kept["fold"].to_numpy(np.int64)
    patient = kept["patient"].to_numpy(np.int64)
    temperature = temperatures(labels, logit(given), fold, patient)
    each = np.array([temperature[int(k)] for k in fold], float)
    judged = Judged(labels, given, scaled(logit(given), each), kept["seriesuid"].to_numpy(object))
    sizes = np.array([diameter_class(d) for d in kept["diameter_mm"]], object)
    for name, rows in {"out_of_fold": fold >= 0, TEST: fold == division.TEST_FOLD}.items():
        if rows.any():
            for group in (ALL, *CLASSES):
                own = rows if group == ALL else rows & (sizes == group)
                place = {"set": name, "group": group}
                yield from (place | row for row in _measured(judged.of(own), replicates, seed))
            mean = float(np.mean([temperature[int(k)] for k in np.unique(fold[rows])]))
            yield place | {"group": ALL} | _temperature(mean, judged.labels[rows])


def temperatures(
    labels: NDArray[np.int64],
    logits: Floats,
    fold: NDArray[np.int64],
    patient: NDArray[np.int64],
) -> dict[int, float]:
    """Temperature for each fold, fitted on other folds and patients, and for the test, on all."""
    own = fold >= 0
    found = {division.TEST_FOLD: calibration.fit_temperature(labels[own], logits[own])}
    return found | calibration.cross_fitted(
        calibration.fit_temperature, labels[own], logits[own], fold[own], patient[own]
    )


def _measured(own: Judged, replicates: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows for mean score, share of nodules, their gap, and ECE, with intervals over scans."""
    scan, n_scans = bootstrap.codes(own.uids)
    drawn = bootstrap.weights(n_scans, replicates, seed)
    n, positive = len(own.labels), int(own.labels.sum())
    counts = {"scans": n_scans, "hits": positive, "false alarms": n - positive}
    share = bootstrap.mean(own.labels, scan, drawn)
    found = {"share": (share, NONE)}
    for end, scores in (("", own.given), ("_scaled", own.scaled)):
        reason = NO_FIT if n and np.isnan(scores).any() else NONE
        mean = bootstrap.mean(scores, scan, drawn)
        ece = calibration.calibration_measures(own.labels, np.nan_to_num(scores), scan, drawn)
        found[f"mean{end}"] = (mean, reason)
        found[f"gap{end}"] = (mean - share, reason)
        found[f"ece{end}"] = (np.where(np.isnan(mean), np.nan, ece["ece"]), reason)
    for measure, (values, reason) in found.items():
        known = bootstrap.estimate(values, reason, counts).to_dict()
        yield {"measure": measure, "n": n, "n_nodules": positive, "reason": ""} | known


def _temperature(mean: float, labels: NDArray[np.int64]) -> dict[str, Any]:
    """Row for the temperature, which is fitted and so has no interval."""
    reason = NO_FIT if np.isnan(mean) else "it is fitted, on other folds"
    return {
        "measure": "temperature",
        "n": len(labels),
        "n_nodules": int(labels.sum()),
        **{"value": mean, "low": np.nan, "high": np.nan, "reason": reason},
    }
