"""Names of sets, systems, networks and comparisons, as people read them."""

SETS = {"test": "held-out test scans", "out_of_fold": "left-out scans of all folds"}
SYSTEMS = {
    "unet": "U-Net alone",
    "unet_resnet": "U-Net + ResNet50",
    "maskrcnn": "Mask R-CNN",
}
MODELS = {
    "unet": "U-Net",
    "resnet": "ResNet50",
    "malignancy": "Malignancy ResNet50",
    "maskrcnn": "Mask R-CNN",
}
COMPARISONS = {
    "unet": "U-Net",
    "maskrcnn": "Mask R-CNN",
    "reader": "one reader against the others",
    "sphere": "sphere of the annotated diameter",
}
