"""Table `metrics`: every number that the report shows, with interval, n and definition."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from nodules.base import tables
from nodules.evaluation import metrics_malignancy
from nodules.evaluation.detection import PER_SCAN
from nodules.evaluation.explanations import MEASURES
from nodules.stats.calibration import BINS

BEST = f"best_{PER_SCAN}_per_scan"
WITHIN = f"at_most_{PER_SCAN}_false_alarms"
POINTS = {
    "all": "all candidates, no threshold",
    BEST: f"of each scan only its {PER_SCAN} highest candidates",
    WITHIN: f"at the lowest threshold with at most {PER_SCAN} false positives a scan",
}
RATES = {
    "recall": "share of the reference nodules that the official rule hits",
    "false_alarms_per_scan": "false positives of the official rule over all scans",
    "candidates_per_scan": "candidates over all scans",
}
SEGMENTATION = {
    "dice": "3-D Dice of each nodule on the native grid, mean over nodules, 0 for a missed one",
    "iou": "3-D IoU of each nodule on the native grid, mean over nodules, 0 for a missed one",
    "sensitivity": "share of the reference's voxels that are covered, mean over nodules, 0 for a"
    " missed one",
    "surface_mm": "average symmetric surface distance, mean over the nodules touched, mm",
}
REFERENCES = {
    "unet": "U-Net's regions against the readers' consensus",
    "maskrcnn": "Mask R-CNN's regions against the readers' consensus",
    "reader": "each reader against the other readers' consensus",
    "sphere": "sphere of the annotated diameter against the readers' consensus",
}
CALIBRATION = {
    "ece": f"expected calibration error over {BINS} equally wide bins",
    "brier": "mean squared difference of confidence and truth",
}
CORRELATIONS = {
    "spearman": "Spearman's rank correlation of",
    "pearson": "Pearson's correlation of",
    "spearman_given_diameter": "Spearman's rank correlation, the diameter's rank held fixed, of",
    "auc": "area under the ROC curve of",
}
PAIRS = {
    "confidence_and_dice": "ResNet50's highest confidence among a nodule's candidates and the"
    " nodule's Dice; nodules that the U-Net touched",
    "probability_and_dice": "the U-Net's highest probability among a nodule's candidates and the"
    " nodule's Dice; nodules that the U-Net touched",
    "certainty_and_right": "a candidate's certainty, max(p, 1 - p), and whether it is called"
    " rightly at 0.5",
}


def metrics(
    detection: dict[str, Any],
    segmentation: dict[str, Any],
    classification: dict[str, Any] | None,
    trends: dict[str, Any] | None,
    explanations: dict[str, Any] | None = None,
    malignancy: dict[str, Any] | None = None,
) -> pd.DataFrame:
    """Table `metrics`: every number that the report shows, with interval, n and definition.

    classification, trends, explanations, malignancy: None where the ResNet50's task gives none.
    """
    rows = [
        *_detection_rows(detection),
        *_segmentation_rows(segmentation),
        *_classification_rows(classification["sets"] if classification else {}),
        *_trend_rows(trends["sets"] if trends else {}),
        *_explanation_rows(explanations),
        *metrics_malignancy.metric_rows(malignancy),
    ]
    return tables.frame("metrics", rows)


def _detection_rows(detection: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for system, sets in detection["systems"].items():
        for name, found in sets.items():
            key = {"system": system, "set": name}
            n_scans = {"n": found["n_scans"], "unit": "scans"}
            rule = "official sensitivity at 1/8, 1/4, 1/2, 1, 2, 4, 8 false positives a scan"
            yield _row("cpm", cpm(found), f"mean {rule}", **key, **n_scans)
            for rate, value in found["sensitivity"].items():
                low, high = found["sensitivity_ci"][rate]
                number = {"value": value, "low": low, "high": high}
                text = f"official sensitivity at {rate} false positives a scan"
                yield _row(f"sensitivity_at_{rate}", number, text, **key, **n_scans)
            for point, where in POINTS.items():
                for measure, text in RATES.items():
                    number = found["operating_points"][point][measure]
                    of_nodules = {"n": found["n_nodules"], "unit": "nodules"}
                    units = of_nodules if measure == "recall" else n_scans
                    name_ = f"{measure}_{point}"
                    yield _row(name_, number, f"{text}; {where}", **key, **units)
    for pair, sets in detection["differences"].items():
        for name, number in sets.items():
            n = detection["systems"]["unet"][name]["n_scans"]
            text = "difference of CPM, paired over scans"
            yield _row("cpm_difference", number, text, pair, name, n, "scans")


def _segmentation_rows(segmentation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, found in segmentation.items():
        for comparison, against in REFERENCES.items():
            if comparison not in found:
                continue
            groups = {"": found[comparison]["all"]}
            groups |= {f" {c} mm": g for c, g in found[comparison]["by_diameter"].items()}
            if "detected_only" in found[comparison]:
                groups[" detected only"] = found[comparison]["detected_only"]
            for group, means in groups.items():
                for measure, text in SEGMENTATION.items():
                    n = means["n_surface_mm" if measure == "surface_mm" else "n_nodules"]
                    name_ = f"{'voxel_' if measure == 'sensitivity' else ''}{measure}{group}"
                    only = ", only nodules that one touches" if "only" in group else ""
                    full = f"{text}: {against}{only}"
                    yield _row(name_, means[measure], full, comparison, name, n, "nodules")
        for pair, number in found["dice_differences"].items():
            n = number["n_nodules"]
            text = "mean difference of Dice over the nodules that both have"
            yield _row("dice_difference", number, text, pair, name, n, "nodules")


def _classification_rows(sets: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, found in sets.items():
        key = {"system": "resnet", "set": name, "n": found["n_candidates"], "unit": "candidates"}
        for measure, number in found["measures"].items():
            ranked = measure in ("auc", "average_precision")
            at = "no threshold" if ranked else "threshold chosen on validation (Youden)"
            yield _row(measure, number, f"ResNet50 on the U-Net's candidates; {at}", **key)
        for suffix, stage in (("", "before"), ("_scaled", "after")):
            for measure, text in CALIBRATION.items():
                number = found["calibration"][stage][measure]
                yield _row(
                    f"{measure}{suffix}", number, f"{text}, {stage} temperature scaling", **key
                )


def _trend_rows(sets: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, found in sets.items():
        for column, line in found["slopes"].items():
            if line is not None:
                number = {"value": line["slope"], "low": line["low"], "high": line["high"]}
                text = "least-squares slope, textbook interval, which takes slices for independent"
                yield _row("slope", number, text, column, name, line["n"], "slices")
                number = number | {"low": line["low_scans"], "high": line["high_scans"]}
                text = "the same slope, interval robust to dependence within a scan"
                yield _row("slope_scans", number, text, column, name, line["n_scans"], "scans")
        pairs = found["proxy"]
        for pair in PAIRS:
            unit = "candidates" if pair == "certainty_and_right" else "nodules"
            for kind, number in pairs[pair].items():
                text = f"{CORRELATIONS[kind]} {PAIRS[pair]}"
                n = pairs[f"n_{unit}"]
                yield _row(f"{kind}_{pair}", number, text, "resnet", name, n, unit)


def _explanation_rows(explanations: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if explanations is None:
        return
    for method, found in explanations["methods"].items():
        for measure, text in MEASURES.items():
            full = f"{text}; mean over labelled nodules"
            key = {"set": explanations["part"], "n": found["n_nodules"], "unit": "nodules"}
            yield _row(f"explanation_{measure}", found[measure], full, method, **key)


def _row(
    metric: str,
    number: dict[str, Any],
    definition: str,
    system: str,
    set: str,
    n: int,
    unit: str,
) -> dict[str, Any]:
    why = f" (undefined: {number['reason']})" if number.get("reason") else ""
    bounds = {name: _real(number[name]) for name in ("value", "low", "high")}
    key = {"metric": metric, "system": system, "set": set, "n": n, "unit": unit}
    return key | bounds | {"definition": definition + why}


def cpm(found: dict[str, Any]) -> dict[str, Any]:
    """CPM of a system on a set of detection.json as an estimate {value, low, high}."""
    low, high = found["cpm_ci"]
    return {"value": found["cpm"], "low": low, "high": high}


def _real(value: float | None) -> float:
    return float("nan") if value is None else float(value)
