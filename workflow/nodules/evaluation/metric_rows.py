"""Table `metrics`: all numbers that the report shows, with interval, n and definition."""

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

import pandas as pd

from nodules.base import tables
from nodules.evaluation import metrics, names, pairs
from nodules.evaluation.metrics import DETECTED_ONLY, MARK_POINTS, MEASURES, Measure, of_section
from nodules.evaluation.runs import first_detector, following
from nodules.stats import bootstrap

Found = Mapping[str, Any]  # (part of) what a results file holds
Row = dict[str, Any]
DETECTED = "detected_only"  # key in segmentation.json
LISTED = "list"  # system of numbers that hold for the given locations with any classifier


def gather(
    detection: Found,
    segmentation: Found,
    presence: Found | None,
    trends: Found | None,
    explanations: Found | None = None,
    malignancy: Found | None = None,
    track: Found | None = None,
    calibration: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Table `metrics` from the contents of the results files.

    presence, trends, explanations, malignancy, track: None if the presence or malignancy task or
    the false-positive-reduction track was not run. calibration: table of that name.
    """
    detector = first_detector(detection["systems"])
    second_stage = [
        *_presence(presence["sets"] if presence else {}),
        *_trends(trends["sets"] if trends else {}, detector),
    ]
    rows = [
        *_detection(detection),
        *_segmentation(segmentation),
        *(row | {"definition": following(row["definition"], detector)} for row in second_stage),
        *_calibration(calibration),
        *_explanations(explanations),
        *_malignancy(malignancy["sets"] if malignancy else {}),
        *_locations(track),
    ]
    return tables.frame("metrics", rows)


def cpm(found: Found) -> dict[str, Any]:
    """CPM of a system on a set in detection.json, as an estimate {value, low, high}."""
    return _official_number(found, found["cpm"], found["cpm_ci"])


def _official_number(found: Found, value: float | None, bounds: Any) -> dict[str, Any]:
    """A number of an official score as an estimate, with the reason if it has no interval."""
    low, high = bounds
    few = bootstrap.too_few({"scans": found["n_scans"], "nodules": found["n_nodules"]})
    why = few or bootstrap.SAME if value is not None else "the set has no reference nodule"
    number = {"value": value, "low": low, "high": high}
    return number | ({"reason": why} if low is None or low != low else {})


def _detection(detection: Found) -> Iterator[Row]:
    for system, sets in detection["systems"].items():
        for name, found in sets.items():
            key = {"system": system, "set": name}
            yield from _official(found, "cpm", "sensitivity", system, name)
            for point in MARK_POINTS:
                for measure in (m for m in of_section(metrics.DETECTION) if m.source):
                    number = _at(found["operating_points"][point], measure)
                    yield _row(measure, number, found[f"n_{measure.unit}"], **key, point=point)
    for pair in pairs.SYSTEM_PAIRS:
        for name, number in detection["differences"].get(pair.key, {}).items():
            found = detection["systems"][pair.first][name]
            gap = _official_number(found, number["value"], (number["low"], number["high"]))
            yield _difference(MEASURES["cpm"], gap, found["n_scans"], pair, name)


def _segmentation(segmentation: Found) -> Iterator[Row]:
    for name, found in segmentation.items():
        for mask in (key for key in names.MASKS if key in found):
            groups = {"": found[mask]["all"]} | found[mask]["by_diameter"]
            if DETECTED in found[mask]:
                groups[DETECTED_ONLY] = found[mask][DETECTED]
            for group, means in groups.items():
                for measure in of_section(metrics.SEGMENTATION):
                    n = means["n_surface_mm" if measure.key == "surface_mm" else "n_nodules"]
                    key = {"system": mask, "set": name, "group": group}
                    yield _row(measure, _at(means, measure), n, **key)
        for pair in pairs.MASK_PAIRS:
            number = found["dice_differences"].get(pair.key)
            if number:
                yield _difference(MEASURES["dice"], number, number["n_nodules"], pair, name)


def _presence(sets: Found) -> Iterator[Row]:
    for name, found in sets.items():
        for measure in of_section(metrics.PRESENCE):
            n = found[f"n_{measure.unit}"]
            yield _row(measure, _at(found, measure), n, system="presence", set=name)


def _calibration(calibration: pd.DataFrame | None) -> Iterator[Row]:
    for found in () if calibration is None else calibration.to_dict("records"):
        measure = MEASURES.get(f"calibration_{found['measure']}")
        if measure is not None:
            key = {name: str(found[name]) for name in ("system", "set", "group")}
            yield _row(measure, found, int(found["n"]), **key)


def _trends(sets: Found, detector: str) -> Iterator[Row]:
    for name, found in sets.items():
        for series in metrics.SERIES.values():
            line = found["slopes"][series.key]
            if line is not None:
                network = series.network or detector
                key = {"system": network, "set": name, "group": series.key}
                few = bootstrap.too_few({"scans": line["n_scans"]})
                why = {"reason": few or "the values have no spread"}
                number = {"value": line["slope"], "low": line["low"], "high": line["high"]} | why
                yield _row(MEASURES["slope"], number, line["n"], **key)
                number |= {"low": line["low_scans"], "high": line["high_scans"]}
                yield _row(MEASURES["slope_scans"], number, line["n_scans"], **key)
        for measure in of_section(metrics.PROXY):
            n = found["proxy"][f"n_{measure.unit}"]
            yield _row(measure, _at(found["proxy"], measure), n, system="presence", set=name)


def _explanations(explanations: Found | None) -> Iterator[Row]:
    if explanations is None:
        return
    for method, found in explanations["methods"].items():
        for measure in of_section(metrics.EXPLANATIONS):
            key = {"system": method, "set": explanations["part"]}
            number = _at(found, measure)
            yield _row(measure, number, number["n"], **key)


def _malignancy(sets: Found) -> Iterator[Row]:
    for name, own in sets.items():
        for measure in of_section(metrics.MALIGNANCY):
            n = own[f"n_{measure.unit}"]
            for system, numbers in own["systems"].items():
                yield _row(measure, _at(numbers, measure), n, system=system, set=name)
            for pair in pairs.MALIGNANCY_PAIRS:
                gap = own["differences"].get(pair.key, {})
                if measure.source[0] in gap:
                    yield _difference(measure, _at(gap, measure), n, pair, name)


def _locations(track: Found | None) -> Iterator[Row]:
    if track is None:
        return
    reached = MEASURES["locations_reached"]
    for name, found in track["list"].items():
        yield _row(reached, _at(found, reached), found["n_nodules"], system=LISTED, set=name)
    for system, sets in track["systems"].items():
        for name, found in sets.items():
            yield from _official(found, "locations_cpm", "locations_sensitivity", system, name)


def _official(found: Found, mean: str, at_rate: str, system: str, name: str) -> Iterator[Row]:
    """Rows for CPM and for the sensitivity at each rate of an official score."""
    key = {"system": system, "set": name}
    yield _row(MEASURES[mean], cpm(found), found["n_scans"], **key)
    for rate, value in found["sensitivity"].items():
        number = _official_number(found, value, found["sensitivity_ci"][rate])
        yield _row(MEASURES[at_rate], number, found["n_scans"], **key, point=rate)


def _at(found: Found, measure: Measure) -> Found:
    """A measure's number in (part of) a results file, found by its `source`."""
    return reduce(lambda part, key: part[key], measure.source, found)


def _difference(measure: Measure, number: Found, n: int, pair: names.Pair, name: str) -> Row:
    row = _row(measure, number, n, system=pair.first, set=name)
    return row | {"other": pair.second, "definition": measure.difference}


def _row(
    measure: Measure,
    number: Found,
    n: int,
    *,
    system: str,
    set: str,
    point: str = "",
    group: str = "",
) -> Row:
    return {
        "measure": measure.key,
        "point": point,
        "group": group,
        "system": system,
        "other": "",
        "set": set,
        **{bound: _real(number[bound]) for bound in ("value", "low", "high")},
        "n": n,
        "unit": measure.unit,
        "definition": metrics.definition(measure, system, point, group),
        "reason": _reason(number),
    }


def _reason(number: Found) -> str:
    """Reason why a number or its interval is missing; "" if both are there."""
    whole = _real(number["low"]) == _real(number["low"])
    return "" if whole else number.get("reason") or ""


def _real(value: float | None) -> float:
    return float("nan") if value is None else float(value)
