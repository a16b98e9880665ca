"""Every figure with its title, in the order of the report; light, since the Snakefile reads it."""

TITLES = {
    "slice_loss": "Loss of every slice",
    "mean_confidence": "Mean confidence over slices",
    "window_confidence": "Confidence in the last windows",
    "epochs": "Confidence and loss by epoch",
    "confidence_as_proxy": "Does confidence tell quality?",
    "froc": "Detection: FROC",
    "classification": "Classification: ROC, PR, confusion",
    "reliability": "Calibration",
    "dice_by_diameter": "Segmentation: Dice by diameter",
    "malignancy_roc": "Benign or malignant: ROC",
    "malignancy_differences": "Benign or malignant: by size, and differences",
    "malignancy_by_diameter": "Benign or malignant: probability and diameter",
    "training": "Trainings",
}

# Tasks of the ResNet50 (config key resnet.task), and the figures that need one of them.
TASKS = {
    "presence": ("presence",),
    "malignancy": ("malignancy",),
    "both": ("presence", "malignancy"),
}
NEEDED = {
    "slice_loss": "presence",
    "mean_confidence": "presence",
    "window_confidence": "presence",
    "confidence_as_proxy": "presence",
    "classification": "presence",
    "reliability": "presence",
    "malignancy_roc": "malignancy",
    "malignancy_differences": "malignancy",
    "malignancy_by_diameter": "malignancy",
}


def figures_of(task: str) -> list[str]:
    """Names of the figures that a run with this `resnet.task` draws, in order."""
    return [name for name in TITLES if NEEDED.get(name) in (None, *TASKS[task])]
