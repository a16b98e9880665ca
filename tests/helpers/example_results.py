"""Small invented results, in the tables and files that the evaluation writes."""

from typing import Any

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.evaluation import froc

SETS = ("out_of_fold", "test")

# Marks on the nodules of `score`, and one that is on neither.
Mark = tuple[str, float, float, float, float]  # scan, x, y, z in mm, probability
HIT_A: Mark = ("a", 1.0, 0.0, 0.0, 0.9)
HIT_B: Mark = ("b", 0.0, 2.0, 0.0, 0.8)
AWAY: Mark = ("a", 60.0, 0.0, 0.0, 0.7)


def score(
    marks: list[Mark], bootstrap: int = 50, nodules: int | None = None, scans: str = "ab"
) -> froc.FrocResult:
    """The score of marks on scans, by default a and b, with a nodule of 10 mm at the origin of
    each, or of so many.
    """
    found = [(uid, 0.0, 0.0, 0.0, 10.0) for uid in scans[:nodules]]
    columns = ["seriesuid", "x", "y", "z"]
    return froc.evaluate(
        pd.DataFrame(marks, columns=[*columns, "probability"]),
        pd.DataFrame(found, columns=[*columns, "diameter_mm"]),
        None,
        list(scans),
        bootstrap=bootstrap,
    )


def estimate(value: float | None = 0.7) -> dict[str, Any]:
    """An estimate as results files hold it."""
    if value is None:
        return {"value": None, "low": None, "high": None, "reason": "one class"}
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def trend_slices(n: int = 240) -> pd.DataFrame:
    """Table `trend_slices`: two sets of two scans."""
    rng = np.random.default_rng(0)
    parts = []
    for name in SETS:
        p = rng.uniform(0.02, 0.98, n)
        present = rng.random(n) < 0.2
        certainty = np.maximum(p, 1 - p)
        parts.append(
            pd.DataFrame(
                {
                    "set": name,
                    "index": np.arange(n),
                    "seriesuid": np.where(np.arange(n) < n // 2, "2.25.1", "2.25.2"),
                    "slice": np.arange(n) % (n // 2),
                    "present": present,
                    "confidence": p,
                    "certainty": certainty,
                    "running_confidence": pd.Series(p).expanding().mean(),
                    "running_certainty": pd.Series(certainty).expanding().mean(),
                    "presence_loss": -np.log(np.where(present, p, 1 - p)),
                    "unet_loss": rng.uniform(1e-4, 1e-2, n),
                }
            )
        )
    return tables.frame("trend_slices", pd.concat(parts))


def trend_windows() -> pd.DataFrame:
    """Table `trend_windows`: five windows of 100 slices of the test."""
    rows = [
        {"set": "test", "window": k, "first": 100 * k, "n": 100}
        | {"confidence": 0.2, "certainty": 0.8, "presence_loss": 0.3, "unet_loss": 0.01}
        for k in range(1, 6)
    ]
    return tables.frame("trend_windows", rows)


def trends() -> dict[str, Any]:
    """What trends.json holds, as far as figures and pages read it."""
    rng = np.random.default_rng(1)
    slope = {"slope": 1e-4, "intercept": 0.5, "low_scans": -1e-4, "high_scans": 3e-4}
    slope |= {"p_scans": 0.4}
    slope |= {key: list(rng.normal(0, 1e-4, 50)) for key in ("shuffled", "shuffled_scans")}
    found = {
        "slopes": {"presence_loss": slope, "unet_loss": None},
        "proxy": {
            "confidence_and_dice": {"spearman": estimate(0.3)},
            "certainty_and_right": {"auc": estimate(None)},
        },
    }
    return {
        "main_set": "out_of_fold",
        "statement": "It is <no> proxy.",
        "sets": {"out_of_fold": found},
    }


def history() -> pd.DataFrame:
    """Table `history`: two models, three folds, four epochs; fold 2 loses twice as much."""
    rows = [
        {"model": model, "fold": fold, "member": 0, "epoch": epoch, "samples": 10, "seconds": 1.0}
        | {"train_loss": 1 / epoch, "val_loss": (2.0 if fold == 2 else 1.0) / epoch}
        | {"val_metric": 0.5, "val_confidence": 0.6, "weights_sha256": "0"}
        for model in ("unet", "presence")
        for fold in range(3)
        for epoch in range(1, 5)
    ]
    return tables.frame("history", rows)


def froc_table() -> pd.DataFrame:
    """Table `froc`: two systems on both sets; the second is better everywhere."""
    parts = [
        pd.DataFrame(
            {
                "system": system,
                "set": name,
                "point": "band",
                "fp_per_scan": froc.GRID,
                "sensitivity": level + 0.05 * np.log2(froc.GRID),
                "threshold": np.nan,
                "low": level - 0.2,
                "high": level + 0.2,
            }
        )
        for system, level in (("unet", 0.5), ("unet_resnet", 0.7))
        for name in SETS
    ]
    return tables.frame("froc", pd.concat(parts))


def detection() -> dict[str, Any]:
    """What detection.json holds, as far as figures read it."""
    score = {"cpm": 0.65, "cpm_ci": [0.55, 0.75], "n_scans": 30, "n_nodules": 42}
    systems = {s: dict.fromkeys(SETS, score) for s in ("unet", "unet_resnet")}
    return {"systems": systems, "differences": {}, "statement": "The second stage is <not> better."}


def locations_froc() -> pd.DataFrame:
    """Table `froc` of given locations: one classifier on both sets."""
    curves = froc_table()
    return curves[curves["system"] == "unet"].assign(system="presence")


def track() -> dict[str, Any]:
    """What reduction_track.json holds, as far as figures and pages read it."""
    scores = {"presence": detection()["systems"]["unet"]}
    reached = {"reached": estimate(0.875)}
    statement = "The list hits <all but one>."
    return {"list": dict.fromkeys(SETS, reached), "systems": scores, "statement": statement}


def presence_curves() -> pd.DataFrame:
    """Table `presence_curves` of both sets."""
    points = {"roc": [(0, 0), (0.1, 0.8), (1, 1)], "pr": [(0.4, 1), (0.8, 0.9), (1, 0.3)]}
    rows = [
        {"set": name, "curve": curve, "x": float(x), "y": float(y), "threshold": 0.5}
        | {"high": np.nan}
        for name in SETS
        for curve, corners in points.items()
        for x, y in corners
    ]
    return tables.frame("presence_curves", rows)


def presence() -> dict[str, Any]:
    """What presence.json holds, as far as figures read it."""
    calibrated = {"brier": estimate(0.2), "ece": estimate(0.1)}
    found = {
        "n_scans": 30,
        "n_candidates": 100,
        "n_positive": 30,
        "measures": {"auc": estimate(0.9), "average_precision": estimate(0.8)},
        "confusion": {"tp": 25, "fp": 10, "fn": 5, "tn": 60, "threshold": 0.4},
        "calibration": {"before": calibrated, "after": calibrated},
    }
    return {"sets": dict.fromkeys(SETS, found)}


def reliability() -> pd.DataFrame:
    """Table `reliability`; the first bin is empty."""
    rows = [
        {"set": name, "scaled": scaled, "low": low, "high": low + 0.5, "n": n}
        | {"confidence": low + 0.2 if n else np.nan, "nodules": share}
        for name in SETS
        for scaled in (False, True)
        for low, n, share in ((0.0, 0, np.nan), (0.5, 20, 0.6))
    ]
    return tables.frame("reliability", rows)


def number(measure: str, system: str, where: str = "test", **changes: Any) -> dict[str, Any]:
    """A row of table `metrics`."""
    row = {"measure": measure, "point": "", "group": "", "system": system, "other": ""}
    row |= {"set": where, "value": 0.5, "low": 0.4, "high": 0.6, "n": 7, "unit": "nodules"}
    return row | {"definition": f"what {measure} is", "reason": ""} | changes


def segmentation() -> pd.DataFrame:
    """Table `segmentation`: six nodules in two diameter classes; the U-Net misses the first."""
    rows = [
        {"set": "test", "seriesuid": "2.25.1", "nodule": n, "diameter_mm": 4.0 + n}
        | {"diameter_class": "5-8" if n < 4 else "8-12", "comparison": comparison}
        | {"reader": 0, "detected": True, "candidates": [1], "iou": 0.5, "sensitivity": 0.5}
        | {"dice": 0.0 if (comparison, n) == ("unet", 1) else 0.6 + n / 100}
        | {"surface_mm": 1.0, "reference_mm3": 100.0, "predicted_mm3": 90.0}
        for n in range(1, 7)
        for comparison in ("unet", "reader", "sphere")
    ]
    return tables.frame("segmentation", rows)


def proxy_nodules() -> pd.DataFrame:
    """Table `proxy_nodules`: nine nodules of the test."""
    rows = [
        {"set": "out_of_fold", "seriesuid": "2.25.1", "nodule": n, "diameter_mm": 8.0}
        | {"confidence": n / 10, "probability": 0.5, "dice": 0.5 + n / 50}
        for n in range(1, 10)
    ]
    return tables.frame("proxy_nodules", rows)


def certainty_bins() -> pd.DataFrame:
    """Table `certainty_bins` of the test."""
    rows = [
        {"set": "out_of_fold", "low": 0.5, "high": 0.75, "n": 8, "certainty": 0.6, "right": 0.5},
        {"set": "out_of_fold", "low": 0.75, "high": 1.0, "n": 20, "certainty": 0.9, "right": 0.95},
    ]
    return tables.frame("certainty_bins", rows)


def risk_coverage() -> pd.DataFrame:
    """Table `risk_coverage` of the test."""
    rows = [
        {"set": "out_of_fold", "task": task, "coverage": share, "risk": 0.3 * share}
        | {"low": 0.2 * share, "high": 0.4 * share, "oracle": 0.1 * share}
        for task in ("segmentation", "decision")
        for share in (0.1, 0.5, 1.0)
    ]
    return tables.frame("risk_coverage", rows)


def comparison_slices() -> pd.DataFrame:
    """Table `comparison_slices` of the test: two scans of 100 slices."""
    rng = np.random.default_rng(2)
    present = rng.random(200) < 0.2
    parts = []
    for system, pull in (("unet_resnet", 2.0), ("maskrcnn", 1.0)):
        p = 1 / (1 + np.exp(-pull * (2 * present - 1) - rng.normal(size=200)))
        parts.append(
            pd.DataFrame(
                {
                    "set": "test",
                    "index": np.arange(200),
                    "seriesuid": np.where(np.arange(200) < 100, "2.25.1", "2.25.2"),
                    "slice": np.arange(200) % 100,
                    "present": present,
                    "system": system,
                    "confidence": p,
                    "calibrated": p**2,
                }
            )
        )
    return tables.frame("comparison_slices", pd.concat(parts))


def comparison() -> pd.DataFrame:
    """Table `comparison` of the test: confidences in the answer."""
    rows = [
        {"set": "test", "measure": "slice_certainty", "point": "", "stage": stage}
        | {
            "one": "unet_resnet",
            "other": "maskrcnn",
            "one_value": 0.8,
            "other_value": 0.7,
            "difference": 0.1,
        }
        | {"low": 0.05, "high": 0.15, "n": 200, "unit": "slices", "definition": "mean"}
        for stage in ("raw", "calibrated")
    ]
    return tables.frame("comparison", rows)


def system_costs() -> pd.DataFrame:
    """Table `system_costs`: two folds, three systems; Mask R-CNN's memory was not measured."""
    rows = [
        {"system": system, "model": model, "step": step, "part": f"fold_{fold}", "scans": 10}
        | {"seconds": seconds, "peak_mb": np.nan if model == "maskrcnn" else 1500.0}
        for system, model, seconds in (
            ("unet", "unet", 40.0),
            ("unet_resnet", "unet", 40.0),
            ("unet_resnet", "presence", 20.0),
            ("maskrcnn", "maskrcnn", 80.0),
        )
        for step in ("training", "inference")
        for fold in range(2)
    ]
    return tables.frame("system_costs", rows)


def calibration() -> pd.DataFrame:
    """Table `calibration`: two systems in cross-validation, of all sizes and of one, with gaps."""
    rows = [
        {"system": system, "set": "out_of_fold", "group": group, "measure": measure, "n": 40}
        | {"n_nodules": 12, "value": 0.1, "low": 0.05, "high": 0.15, "reason": ""}
        for system in ("unet", "unet_resnet")
        for group in ("", "8-12")
        for measure in ("share", "gap", "gap_scaled")
    ]
    fitted = rows[0] | {"measure": "temperature", "value": 1.5, "low": np.nan, "high": np.nan}
    both = [fitted | {"system": system} for system in ("unet", "unet_resnet")]
    return tables.frame("calibration", rows + both)
