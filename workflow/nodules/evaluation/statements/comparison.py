"""The paragraph on which system is surer of its answers, and whether that says it is better."""

from collections.abc import Iterator
from typing import Any

from nodules.evaluation import names
from nodules.evaluation.statements.words import FEWEST_SCANS

FIRST, SECOND = (names.SYSTEMS[key].said for key in names.BESIDE.keys)
WELL = 0.1  # a greater calibration error leaves no common scale
VERDICTS = {
    "first": f"{FIRST} is surer of its answers",
    "second": f"{SECOND} is surer of its answers",
    "none": "neither is shown to be surer of its answers",
    "cannot tell": "nothing can be told",
}


def write(name: str, n_scans: int, rows: list[dict[str, Any]]) -> str:
    """Say in sentences what one set's rows of table `comparison` do and do not show."""
    by_key = {
        (row["measure"], row["stage"]): row for row in rows if row["one"] == names.BESIDE.first
    }
    raw, calibrated = (by_key["slice_certainty", stage] for stage in ("raw", "calibrated"))
    error = by_key["slice_ece", "calibrated"]
    where = names.SETS[name].said
    return " ".join(
        [
            f"Over the {raw['n']:,} slices of {where} (scans: {n_scans:,}), as the networks give"
            f" it, the mean confidence in the answer is {_pair(raw)}:"
            f" {VERDICTS[verdict(raw, n_scans)]}.",
            f"After calibration on other scans it is {_pair(calibrated)}:"
            f" {VERDICTS[verdict(calibrated, n_scans)]}.",
            _which(verdict(raw, n_scans), verdict(calibrated, n_scans), error),
            *_quality(by_key, n_scans),
        ]
    )


def verdict(row: dict[str, Any], n_scans: int) -> str:
    """first, second, none or cannot tell: whose number is the greater beyond chance?"""
    low, high = row["low"], row["high"]
    if n_scans < FEWEST_SCANS or low != low or high != high:
        return "cannot tell"
    return "first" if low > 0 else "second" if high < 0 else "none"


def _which(raw: str, calibrated: str, error: dict[str, Any]) -> str:
    """What holds. error: the row of the calibrated confidences' expected calibration error."""
    if calibrated == "cannot tell":
        return (
            f"With fewer than {FEWEST_SCANS} scans, or without an interval, no conclusion holds:"
            " raw confidences of two networks are on two scales, and calibrated ones are too few."
        )
    if max(error["one_value"], error["other_value"]) > WELL:
        return (
            "The calibration did not carry over to these scans (expected calibration error"
            f" {error['one_value']:.2f} for {FIRST}, {error['other_value']:.2f} for {SECOND}; up to"
            f" {WELL} would do), so the two are still not on one scale: neither comparison holds."
        )
    held = f"What holds is the calibrated comparison: {VERDICTS[calibrated]}."
    if raw == calibrated:
        return f"Both comparisons agree. {held}"
    return (
        "The two comparisons disagree. Confidences as given are not on one scale, so the raw"
        f" difference may be one of scale alone. {held}"
    )


def _quality(by_key: dict[Any, dict[str, Any]], n_scans: int) -> Iterator[str]:
    yield "To be surer is not to be better:"
    better = {
        "first": f"{FIRST} tells slices with a nodule better",
        "second": f"{SECOND} tells slices with a nodule better",
        "none": "no difference is shown",
        "cannot tell": "nothing can be told",
    }
    area = by_key["slice_auc", ""]
    brier = by_key["slice_brier", "calibrated"]
    mirrored = brier | {"low": -brier["high"], "high": -brier["low"]}  # less is better
    yield (
        f"the area under the ROC curve of slices is {_pair(area)}"
        f" ({better[verdict(area, n_scans)]}),"
        f" the Brier score of the calibrated confidences {_pair(brier)}"
        f" ({better[verdict(mirrored, n_scans)]})."
    )


def _pair(row: dict[str, Any]) -> str:
    if row["difference"] != row["difference"]:
        return "undefined for one of the two"
    text = f"{row['one_value']:.3f} for {FIRST} and {row['other_value']:.3f} for {SECOND}"
    if row["low"] != row["low"]:
        return f"{text}, difference {row['difference']:+.3f} without an interval"
    return f"{text}, difference {row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
