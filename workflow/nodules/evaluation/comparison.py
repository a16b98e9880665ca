"""Comparison of systems: paired differences, and confidences in slices, raw and calibrated."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.datasets import folds as division
from nodules.evaluation import metrics, names, pairs, sets
from nodules.evaluation.metrics import MEASURES
from nodules.evaluation.names import TEST
from nodules.stats import bootstrap, calibration, ranking
from nodules.stats.logits import scaled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STAGES = {"raw": "confidence", "calibrated": "calibrated"}
OF_SLICES = {measure.source[0]: measure for measure in metrics.of_section(metrics.SLICES)}
MEANS = ("certainty", "confidence")  # over all slices, with and without a nodule
RANKS = ("auc", "average_precision")  # of raw confidences: calibration should not reorder them
TOP = 1 - 1e-9  # highest confidence used, since a network's may round to 1


def gather(
    confidences: Mapping[str, pd.DataFrame], folds: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Table `comparison_slices` of the pooled sets, and each system's calibration.

    confidences: table `slice_confidence` of each system, over the same slices. A calibration is
    {"test": {slope, intercept}, "folds": {k: the same}}; that of a fold is fitted on the others.
    """
    parts, fitted = [tables.frame("comparison_slices")], {}
    for system, table in confidences.items():
        ordered = table.sort_values(["seriesuid", "slice"], ignore_index=True)
        fold = sets.fold_of(ordered, folds).to_numpy(np.int64)
        labels, p = ordered["present"].to_numpy(np.int64), ordered["confidence"].to_numpy(float)
        patient = sets.patient_of(ordered, folds)
        calibrated, fitted[system] = _calibrate(labels, p, fold, patient)
        ordered = ordered.assign(system=system, calibrated=calibrated)
        for name, uids in sets.pooled_sets(folds).items():
            own = ordered[ordered["seriesuid"].isin(uids)]
            parts.append(own.assign(set=name, index=np.arange(len(own))).drop(columns="loss"))
    return tables.frame("comparison_slices", tables.stacked(parts)), fitted


def _calibrate(labels: Ints, p: Floats, fold: Ints, patient: Ints) -> Any:
    """Platt-scaled confidences (n,), and slope and intercept for the test and for each fold."""
    validation = fold >= 0
    logits = _logits(p, p[validation])
    own = labels[validation], logits[validation]
    lines = {division.TEST_FOLD: calibration.fit_platt(*own)} | calibration.cross_fitted(
        calibration.fit_platt, *own, fold[validation], patient[validation]
    )
    slope, intercept = np.array([lines[k] for k in fold]).reshape(-1, 2).T
    named = {k: {"slope": a, "intercept": b} for k, (a, b) in lines.items()}
    fitted = {TEST: named.pop(division.TEST_FOLD), "folds": named}
    return scaled(slope * logits + intercept, 1.0), fitted


def _logits(p: Floats, validation: Floats) -> Floats:
    """Logits, with confidences clipped from below to the smallest positive validation value.

    A slice without an instance has confidence 0: its instances score below the threshold, but it
    is not known how far below.
    """
    floor = min(validation[validation > 0], default=0.5)
    kept = np.clip(p, floor, TOP)
    return np.log(kept / (1 - kept))


def measure(
    slices: pd.DataFrame, pair: names.Pair, replicates: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Rows of table `comparison`, without column `set`, for one set's confidences in slices.

    slices: table `comparison_slices` of one set; pair: its two systems, measured on the same
    resamples of the scans.
    """
    by_system = {s: slices[slices["system"] == s] for s in pair.keys}
    scan, n_scans = bootstrap.codes(by_system[pair.first]["seriesuid"].to_numpy())
    drawn = bootstrap.weights(n_scans, replicates, seed)
    present = int(by_system[pair.first]["present"].sum())
    kinds = {"slices with a nodule": present, "slices without": len(scan) - present}
    for stage, column in STAGES.items():
        one, other = (_values(by_system[s], column, scan, drawn) for s in pair.keys)
        for name, found in OF_SLICES.items():
            if name in RANKS and stage != "raw":
                continue
            key = _key(found, stage="" if name in RANKS else stage)
            key |= {"one": pair.first, "other": pair.second, "n": len(scan)}
            counts = {"scans": n_scans} | ({} if name in MEANS else kinds)
            yield key | _gap(one[name], other[name], counts)


def _values(own: pd.DataFrame, column: str, scan: Any, drawn: Floats) -> dict[str, Floats]:
    """Every measure of one system's confidences under each resample, (1 + replicates,)."""
    p, labels = own[column].to_numpy(float), own["present"].to_numpy(np.int64)
    if np.isnan(p).any():  # could not be calibrated
        return dict.fromkeys(OF_SLICES, np.full(len(drawn), np.nan))
    return {
        "certainty": bootstrap.mean(np.maximum(p, 1 - p), scan, drawn),
        "confidence": bootstrap.mean(p, scan, drawn),
        **calibration.calibration_measures(labels, p, scan, drawn),
        **ranking.rank_measures(labels, p, scan, drawn),
    }


def _key(found: metrics.Measure, point: str = "", stage: str = "") -> dict[str, Any]:
    """Columns that identify a row's measure."""
    return {
        "measure": found.key,
        "point": point,
        "stage": stage,
        "unit": found.unit,
        "definition": metrics.definition(found, point=point),
    }


def _gap(one: Floats, other: Floats, counts: Mapping[str, int]) -> dict[str, Any]:
    found = bootstrap.estimate(one - other, counts=counts)
    return {
        "one_value": float(one[0]),
        "other_value": float(other[0]),
        "difference": found.value,
        "low": found.low,
        "high": found.high,
    }


def scored(name: str, detection: dict[str, Any], segmentation: dict[str, Any]) -> Iterator[dict]:
    """Rows of table `comparison`, without column `set`, from detection and segmentation scores.

    name: the set; detection, segmentation: contents of detection.json and segmentation.json.
    """
    systems = detection["systems"]
    compared = (pair for pair in pairs.SYSTEM_PAIRS if pair.key in detection["differences"])
    for pair in (pair for pair in compared if _of_two_detectors(pair, systems)):
        both = [systems[s][name] for s in pair.keys]
        found = detection["differences"][pair.key][name]
        key = {"one": pair.first, "other": pair.second, "n": both[0]["n_scans"]}
        yield _key(MEASURES["cpm"]) | key | _numbers(found, *(b["cpm"] for b in both))
        for rate, number in found["sensitivity"].items():
            values = (b["sensitivity"][rate] for b in both)
            yield _key(MEASURES["sensitivity"], rate) | key | _numbers(number, *values)
    dice = segmentation.get(name, {})
    for pair in pairs.MASK_PAIRS:
        found = dice.get("dice_differences", {}).get(pair.key)
        if found and _of_two_detectors(pair, systems):
            key = {"one": pair.first, "other": pair.second, "n": found["n_nodules"]}
            values = (dice[mask]["all"]["dice"]["value"] for mask in pair.keys)
            yield _key(MEASURES["dice"]) | key | _numbers(found, *values)


def _of_two_detectors(pair: names.Pair, systems: Collection[str]) -> bool:
    """Whether a run has both systems of a pair, and these start from different detectors."""
    if not set(pair.keys) <= set(systems):
        return False
    one, other = (names.SYSTEMS[key].networks[0] for key in pair.keys)
    return one != other


def _numbers(found: Mapping[str, Any], one: float | None, other: float | None) -> dict[str, float]:
    names = {"difference": "value", "low": "low", "high": "high"}
    numbers = {name: found[key] for name, key in names.items()}
    numbers |= {"one_value": one, "other_value": other}
    return {k: float("nan") if v is None else float(v) for k, v in numbers.items()}
