"""Pairs of systems and of masks whose difference is shown, first minus second."""

from nodules.evaluation.names import DETECTORS, IN_3D, Pair

# Does a different network detect better?
DETECTOR_PAIRS = (
    Pair("attention_unet", "unet"),
    Pair("transformer", "unet"),
    Pair("transformer", "attention_unet"),
)

PAIRS_IN_3D = (
    Pair("unet3d_reduction", IN_3D),
    Pair(IN_3D, "unet"),
    *(Pair("unet3d_reduction", f"{key}{end}") for key in DETECTORS for end in ("", "_resnet")),
    Pair("unet3d_reduction", "maskrcnn"),
)

# Is the second stage worth it, and what do the two stages gain over one network?
SYSTEM_PAIRS = (
    *(
        pair
        for key in DETECTORS
        for pair in (
            Pair(f"{key}_resnet", key),
            Pair(key, "maskrcnn"),
            Pair(f"{key}_resnet", "maskrcnn"),
        )
    ),
    *DETECTOR_PAIRS,
    *PAIRS_IN_3D,
)

MALIGNANCY_PAIRS = (
    Pair("resnet", "diameter", "wine", "o"),
    Pair("radiomics", "diameter", "olive", "s"),
    Pair("resnet", "radiomics", "black", "^"),
    Pair("cubes", "diameter", "sky", "o"),
    Pair("cubes", "radiomics", "black", "^"),
)

MASK_PAIRS = (
    Pair("unet", "reader"),
    Pair("unet", "sphere"),
    Pair("sphere", "reader"),
    Pair("unet", "maskrcnn"),
    Pair("maskrcnn", "reader"),
    Pair("maskrcnn", "sphere"),
    *DETECTOR_PAIRS,
    *(Pair(key, other) for key in DETECTORS[1:] for other in ("maskrcnn", "reader", "sphere")),
    *(Pair("reduction", other) for other in (*DETECTORS, "maskrcnn", "reader", "sphere")),
)
