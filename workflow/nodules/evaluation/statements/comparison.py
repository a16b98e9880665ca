"""Paragraph on which system is more confident in its answers, and whether it is also better."""

from collections.abc import Iterator
from typing import Any

from nodules.evaluation import metrics, names
from nodules.evaluation.statements.words import FEWEST_SCANS

WELL = 0.1  # with a greater calibration error, confidences are not on a common scale
OF_SLICES = {measure.key for measure in metrics.of_section(metrics.SLICES)}


def write(name: str, n_scans: int, rows: list[dict[str, Any]]) -> str:
    """State in sentences what one set's rows of table `comparison` do and do not show.

    Only the rows about slices are read; these are all for the same two systems.
    """
    by_key = {(row["measure"], row["stage"]): row for row in rows if row["measure"] in OF_SLICES}
    raw, calibrated = (by_key["slice_certainty", stage] for stage in ("raw", "calibrated"))
    error = by_key["slice_ece", "calibrated"]
    where = names.SETS[name].said
    return " ".join(
        [
            f"Over the {raw['n']:,} slices of {where} (scans: {n_scans:,}), as the networks give"
            f" it, the mean confidence in the answer is {_pair(raw)}:"
            f" {_surer(raw, n_scans)}.",
            f"After calibration on other scans it is {_pair(calibrated)}:"
            f" {_surer(calibrated, n_scans)}.",
            _which(raw, calibrated, error, n_scans),
            *_quality(by_key, n_scans),
        ]
    )


def verdict(row: dict[str, Any], n_scans: int) -> str:
    """Which system's number is greater beyond chance: first, second, none or cannot tell."""
    low, high = row["low"], row["high"]
    if n_scans < FEWEST_SCANS or low != low or high != high:
        return "cannot tell"
    return "first" if low > 0 else "second" if high < 0 else "none"


def _said(row: dict[str, Any]) -> tuple[str, str]:
    """Names of a row's two systems within a sentence."""
    return names.SYSTEMS[row["one"]].said, names.SYSTEMS[row["other"]].said


def _surer(row: dict[str, Any], n_scans: int) -> str:
    """Which of the two systems is more confident, in words."""
    first, second = _said(row)
    return {
        "first": f"{first} is more confident in its answers",
        "second": f"{second} is more confident in its answers",
        "none": "neither is shown to be more confident",
        "cannot tell": "no conclusion is possible",
    }[verdict(row, n_scans)]


def _which(
    raw: dict[str, Any], calibrated: dict[str, Any], error: dict[str, Any], n_scans: int
) -> str:
    """Which comparison is valid, from confidences (raw, calibrated) and the calibrated ECE."""
    first, second = _said(error)
    if verdict(calibrated, n_scans) == "cannot tell":
        return (
            "Raw confidences of two networks are on different scales, and with fewer than"
            f" {FEWEST_SCANS} scans, or without an interval, nothing can be concluded from"
            " calibrated ones either."
        )
    if max(error["one_value"], error["other_value"]) > WELL:
        return (
            "The calibration did not carry over to these scans (expected calibration error"
            f" {error['one_value']:.2f} for {first}, {error['other_value']:.2f} for {second}; at"
            f" most {WELL} is acceptable), so the two are still not on one scale: neither"
            " comparison holds."
        )
    held = f"The calibrated comparison is the valid one: {_surer(calibrated, n_scans)}."
    if verdict(raw, n_scans) == verdict(calibrated, n_scans):
        return f"Both comparisons agree. {held}"
    return (
        "The two comparisons disagree. Confidences as given are not on one scale, so the raw"
        f" difference may be only one of scale. {held}"
    )


def _quality(by_key: dict[Any, dict[str, Any]], n_scans: int) -> Iterator[str]:
    yield "Being more confident is not being better:"
    area = by_key["slice_auc", ""]
    first, second = _said(area)
    better = {
        "first": f"{first} identifies slices with a nodule better",
        "second": f"{second} identifies slices with a nodule better",
        "none": "no difference is shown",
        "cannot tell": "no conclusion is possible",
    }
    brier = by_key["slice_brier", "calibrated"]
    mirrored = brier | {"low": -brier["high"], "high": -brier["low"]}  # lower is better
    yield (
        f"the area under the ROC curve of slices is {_pair(area)}"
        f" ({better[verdict(area, n_scans)]}),"
        f" the Brier score of the calibrated confidences {_pair(brier)}"
        f" ({better[verdict(mirrored, n_scans)]})."
    )


def _pair(row: dict[str, Any]) -> str:
    if row["difference"] != row["difference"]:
        return "undefined for one of the two"
    first, second = _said(row)
    text = f"{row['one_value']:.3f} for {first} and {row['other_value']:.3f} for {second}"
    if row["low"] != row["low"]:
        return f"{text}, difference {row['difference']:+.3f} without an interval"
    return f"{text}, difference {row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
