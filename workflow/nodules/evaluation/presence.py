"""ResNet50 on the U-Net's candidates: measures, curves and calibration of each set.

Threshold and temperature for the test are fitted on the left-out scans of all folds, those for a
fold's left-out scans on the left-out scans of the other folds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.datasets import folds as division
from nodules.evaluation import sets
from nodules.evaluation.names import TEST
from nodules.stats import bootstrap, calibration, ranking
from nodules.stats.logits import scaled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_FIT = (
    "nothing could be fitted: the validation candidates are of one class only, or no threshold"
    " does better than none"
)


@dataclass(frozen=True)
class ClassificationScores:
    """Tables `presence_curves` and `reliability`, and the content of presence.json."""

    curves: pd.DataFrame
    reliability: pd.DataFrame
    summary: dict[str, Any]


@dataclass(frozen=True)
class Candidates:
    """The counted candidates (n,) of one set, with the threshold and temperature for each."""

    labels: Ints
    confidence: Floats
    logits: Floats
    uids: NDArray[np.object_]
    fold: Ints
    threshold: Floats  # (n,); NaN where none could be fitted
    temperature: Floats


def score(
    classified: pd.DataFrame, folds: pd.DataFrame, replicates: int, seed: int
) -> ClassificationScores:
    """Score table `classified` of all parts.

    A candidate is positive if it hits a reference nodule by the official rule. Candidates that hit
    only an excluded finding are left out, and their number is reported.
    """
    everything = classified.assign(fold=sets.fold_of(classified, folds))
    everything["patient"] = sets.patient_of(classified, folds)
    counted = everything[(everything["nodule"] > 0) | ~everything["excluded"]]
    fitted = fit(counted)
    curves, bins, summary = [], [], {"fitted": fitted, "sets": {}}
    for name in sets.pooled_sets(folds):
        chosen = (
            everything["fold"].eq(division.TEST_FOLD) if name == TEST else everything["fold"].ge(0)
        )
        own = select(counted[chosen.loc[counted.index]], fitted)
        summary["sets"][name] = measure(own, replicates, seed) | {
            "n_excluded": int(chosen.sum()) - len(own.labels)
        }
        curves.append(_curves(own, replicates, seed).assign(set=name))
        bins.append(_reliability(own).assign(set=name))
    joined = [pd.concat([f for f in t if len(f)] or [pd.DataFrame()]) for t in (curves, bins)]
    return ClassificationScores(
        tables.frame("presence_curves", joined[0]),
        tables.frame("reliability", joined[1]),
        summary,
    )


def fit(counted: pd.DataFrame) -> dict[str, Any]:
    """Threshold and temperature for the test and for each fold, without reading test labels.

    counted: table `classified` with `fold` and `patient` (an index). Returns {"threshold":
    {"test": t, "folds": {k: t}}, "temperature": the same}, the rule, and the number of validation
    candidates.
    """
    validation = counted[counted["fold"] >= 0]
    labels = _labels(validation)
    fold, patient = (validation[name].to_numpy(np.int64) for name in ("fold", "patient"))
    fitted: dict[str, Any] = {}
    for name, fitter, column in (
        ("threshold", ranking.youden_threshold, "confidence"),
        ("temperature", calibration.fit_temperature, "logit"),
    ):
        values = validation[column].to_numpy(float)
        fitted[name] = {
            TEST: fitter(labels, values),
            "folds": calibration.cross_fitted(fitter, labels, values, fold, patient),
        }
    none = np.isnan(fitted["threshold"][TEST])
    rule = "none could be fitted" if none else "greatest Youden index"
    return fitted | {"rule": rule, "n_validation": len(validation)}


def select(own: pd.DataFrame, fitted: dict[str, Any]) -> Candidates:
    """One set's candidates, each with the threshold and temperature for its fold."""
    fold = own["fold"].to_numpy(np.int64)
    by_fold = {
        name: {division.TEST_FOLD: fitted[name][TEST]} | fitted[name]["folds"]
        for name in ("threshold", "temperature")
    }
    threshold, temperature = (
        np.array([by_fold[name][k] for k in fold], float) for name in ("threshold", "temperature")
    )
    return Candidates(
        _labels(own),
        own["confidence"].to_numpy(float),
        own["logit"].to_numpy(float),
        own["seriesuid"].to_numpy(object),
        fold,
        threshold,
        temperature,
    )


def measure(own: Candidates, replicates: int, seed: int) -> dict[str, Any]:
    """All measures of one set, with intervals over the scans that have candidates."""
    scan, n_scans = bootstrap.codes(own.uids)
    drawn = bootstrap.weights(n_scans, replicates, seed)
    n = len(own.labels)
    one_class = f"all {n} candidates are of one class" if n else "there is no candidate"
    counts = _counts(own, n_scans)
    found = {
        name: bootstrap.estimate(values, one_class, counts).to_dict()
        for name, values in ranking.rank_measures(own.labels, own.confidence, scan, drawn).items()
    }
    cells = ranking.confusion(own.labels, own.confidence >= own.threshold, scan, drawn)
    known = not np.isnan(own.threshold).any() and n > 0
    reason = "0 / 0 at this threshold" if known else NO_FIT
    for name, values in ranking.threshold_measures(cells).items():
        values = values if known else np.full_like(values, np.nan)
        found[name] = bootstrap.estimate(values, reason, counts).to_dict()
    return {
        "n_candidates": n,
        "n_positive": int(own.labels.sum()),
        "n_scans": n_scans,
        "measures": found,
        "confusion": _confusion(own, cells[0]) if known else None,
        "calibration": _calibration(own, scan, drawn, counts),
    }


def _counts(own: Candidates, n_scans: int) -> dict[str, int]:
    """Numbers of scans, hits and false alarms that a set's measures are taken over."""
    positive = int(own.labels.sum())
    kinds = {"hits": positive, "false alarms": len(own.labels) - positive}
    return {"scans": n_scans} | kinds


def _confusion(own: Candidates, cells: Floats) -> dict[str, Any]:
    """Confusion counts, the threshold of each fold, and their mean (for the test, its own)."""
    names = ("tp", "fp", "fn", "tn")
    counts: dict[str, Any] = {k: int(v) for k, v in zip(names, cells, strict=True)}
    of_fold = [float(own.threshold[own.fold == k][0]) for k in np.unique(own.fold)]
    return counts | {"threshold": float(np.mean(of_fold)), "thresholds": of_fold}


def _calibration(
    own: Candidates, scan: Ints, drawn: Floats, counts: Mapping[str, int]
) -> dict[str, Any]:
    found = {}
    for name, confidence in (("before", own.confidence), ("after", _scaled(own))):
        values = calibration.calibration_measures(
            own.labels, np.nan_to_num(confidence), scan, drawn
        )
        bad = np.isnan(confidence).any()
        found[name] = {
            measure: bootstrap.estimate(
                np.full_like(v, np.nan) if bad else v,
                NO_FIT if bad else "there is no candidate",
                counts,
            ).to_dict()
            for measure, v in values.items()
        }
    return found


def _scaled(own: Candidates) -> Floats:
    return scaled(own.logits, own.temperature)


def _labels(own: pd.DataFrame) -> Ints:
    return (own["nodule"].to_numpy() > 0).astype(np.int64)


def _curves(own: Candidates, replicates: int, seed: int) -> pd.DataFrame:
    false, true, at = ranking.roc_curve(own.labels, own.confidence)
    recall, precision, cut = ranking.precision_recall_curve(own.labels, own.confidence)
    roc = pd.DataFrame({"curve": "roc", "x": false, "y": true, "threshold": at})
    pr = pd.DataFrame({"curve": "pr", "x": recall, "y": precision, "threshold": cut})
    scan, n_scans = bootstrap.codes(own.uids)
    drawn = bootstrap.weights(n_scans, replicates, seed)
    band = sets.roc_band(
        own.labels, own.confidence, (scan, drawn), bootstrap.too_few(_counts(own, n_scans))
    )
    both = pd.concat([roc, pr, band], ignore_index=True)
    return both.replace({"threshold": {np.inf: np.nan}}).dropna(subset=["x", "y"])


def _reliability(own: Candidates) -> pd.DataFrame:
    found = []
    for is_scaled, confidence in ((False, own.confidence), (True, _scaled(own))):
        if not np.isnan(confidence).any():
            rows = calibration.reliability(own.labels, confidence)
            found += [row | {"scaled": is_scaled} for row in rows]
    return pd.DataFrame(found)
