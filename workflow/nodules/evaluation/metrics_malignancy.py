"""Rows of table `metrics` on benign or malignant."""

from collections.abc import Iterator, Mapping
from typing import Any

MEASURES = {
    "auc": "area under the ROC curve over the labelled nodules",
    "patient_auc": "area under the ROC curve over patients, each by its highest labelled nodule",
    "auc_within_size": "area under the ROC curve over pairs of nodules of one size class, pooled",
    "brier": "Brier score: mean squared difference of probability and label",
}


def metric_rows(found: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Rows of table `metrics`; none without a result. found: `malignancy.json`."""
    for name, own in (found["sets"] if found else {}).items():
        for system, numbers in own["systems"].items():
            for measure, text in MEASURES.items():
                yield _row(measure, numbers[measure], text, own) | {"system": system, "set": name}
        for pair, numbers in own["differences"].items():
            for measure, text in MEASURES.items():
                if measure in numbers:
                    row = _row(
                        f"{measure}_difference",
                        numbers[measure],
                        f"difference, paired, of the {text}",
                        own,
                    )
                    yield row | {"system": pair, "set": name}


def _row(
    measure: str, number: Mapping[str, Any], definition: str, own: Mapping[str, Any]
) -> dict[str, Any]:
    unit = "patients" if measure.startswith("patient") else "nodules"
    why = f" (undefined: {number['reason']})" if number.get("reason") else ""
    bounds = {key: _real(number[key]) for key in ("value", "low", "high")}
    return bounds | {
        "metric": f"malignancy_{measure}",
        "n": own[f"n_{unit}"],
        "unit": unit,
        "definition": f"{definition}; benign or malignant by the readers' ratings{why}",
    }


def _real(value: float | None) -> float:
    return float("nan") if value is None else float(value)
