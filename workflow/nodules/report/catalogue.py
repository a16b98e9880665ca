"""Figures and their titles in the report's order; imports little, since the Snakefile reads it."""

from collections.abc import Iterable, Sequence

from nodules.evaluation.names import MASKRCNN

TITLES = {
    "slice_loss": "Loss of every slice",
    "mean_confidence": "Mean confidence over slices",
    "window_confidence": "Confidence in the last windows",
    "epochs": "Confidence and loss by epoch",
    "confidence_as_proxy": "Confidence as a proxy for quality",
    "froc": "Detection: FROC",
    "froc_test": "Detection: FROC on the test set (supplement)",
    "locations_froc": "Given locations: FROC",
    "presence": "Nodule or not: ROC, PR, confusion",
    "reliability": "Calibration",
    "calibration_by_size": "Calibration by size",
    "dice_by_diameter": "Segmentation: Dice by diameter",
    "confidence_by_system": f"Confidence vs {MASKRCNN}",
    "system_costs": "Time and memory by system",
    "malignancy_roc": "Benign or malignant: ROC",
    "malignancy_differences": "Benign or malignant: AUC by size, differences",
    "malignancy_by_diameter": "Benign or malignant: probability and diameter",
    "training": "Training",
    "growth": "Follow-up: nodules over time",
}

# What a run must have for a figure: tasks of the ResNet50s (config key `tasks`), Mask R-CNN, the
# false-positive-reduction track, test scans, follow-up pairs, and for `comparison` several
# detectors, or Mask R-CNN beside the two stages.
NEEDED = {
    "froc_test": {"test"},
    "locations_froc": {"presence", "track"},
    "slice_loss": {"presence"},
    "mean_confidence": {"presence"},
    "window_confidence": {"presence"},
    "confidence_as_proxy": {"presence"},
    "presence": {"presence"},
    "reliability": {"presence"},
    "confidence_by_system": {"presence", "maskrcnn"},
    "system_costs": {"comparison"},
    "malignancy_roc": {"malignancy"},
    "malignancy_differences": {"malignancy"},
    "malignancy_by_diameter": {"malignancy"},
    "growth": {"follow_up"},
}


def figures_of(detectors: Sequence[str], tasks: Iterable[str], **also: bool) -> list[str]:
    """Names of a run's figures, in order. detectors, tasks: of its config.

    also: whether it has maskrcnn, track (false-positive reduction), test (held-out scans) and
    follow_up (pairs of scans of one patient).
    """
    done = {*tasks, *(name for name, there in also.items() if there)}
    if len(detectors) > 1 or {"presence", "maskrcnn"} <= done:
        done.add("comparison")
    return [name for name in TITLES if NEEDED.get(name, set()) <= done]
