"""The main numbers of a run, for summary.json."""

from typing import Any

from nodules.evaluation import names
from nodules.evaluation.metric_rows import cpm
from nodules.evaluation.runs import first_detector


def summarise(
    detection: dict[str, Any],
    segmentation: dict[str, Any],
    presence: dict[str, Any] | None,
    trends: dict[str, Any] | None,
    malignancy: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Content of summary.json: the run's main numbers, for the test and out of fold.

    presence, trends, malignancy: None if the run does not include the task that gives them.
    """
    detector = first_detector(detection["systems"])
    found = detection["systems"][detector]
    main_set = next((name for name in names.SETS if name in found), None)
    summary: dict[str, Any] = {
        "statement": trends["statement"] if trends else "",
        "main_set": main_set,
        "malignancy_statement": malignancy["statement"] if malignancy else "",
    }
    for name in names.SETS:
        systems = {s: sets[name] for s, sets in detection["systems"].items() if name in sets}
        if not systems:
            continue
        points = systems[detector]["operating_points"]
        nodules = segmentation[name]
        summary[name] = {
            "n_scans": systems[detector]["n_scans"],
            "n_nodules": systems[detector]["n_nodules"],
            f"{detector}_candidates": points,
            "cpm": {system: cpm(found) for system, found in systems.items()},
            "dice": {
                comparison: nodules[comparison]["all"]["dice"]
                | {"n_nodules": nodules[comparison]["all"]["n_nodules"]}
                for comparison in names.MASKS
                if comparison in nodules
            },
            "dice_detected_only": nodules.get(detector, {}).get("detected_only", {}).get("dice"),
            "n_nodules_without_readers": nodules["n_without_readers"],
        }
        if presence:
            answers = presence["sets"][name]
            summary[name] |= {
                "presence_auc": answers["measures"]["auc"],
                "n_candidates": answers["n_candidates"],
                "n_candidates_positive": answers["n_positive"],
            }
    return summary
