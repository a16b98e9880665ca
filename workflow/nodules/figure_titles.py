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
    "confidence_by_system": "Confidence beside Mask R-CNN",
    "system_costs": "Time and memory by system",
    "training": "Trainings",
}

# Those of the comparison with Mask R-CNN: left out with it.
COMPARING = ("confidence_by_system", "system_costs")
