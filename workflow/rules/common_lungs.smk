# The lung masks' sources, shared by the rules that make lung masks and those that use them.
from nodules.datasets import lung_files

# The lung U-Net's settings, the region for another organ, and the method that makes the mask.
LUNG_UNET, REGION = config["lungs"]["unet"], config["region"]["method"]
LUNGS_BY = {"lungs": config["lungs"]["method"], "none": "whole"}.get(REGION, REGION)
# Header and voxel file of the lung masks that came with the scans, by UID.
LUNG_MASKS = {} if FIGURES_ONLY else lung_files.at_hand(DATA, config, FOUND)
# For the check, if given masks are used: their folder, and whether every scan needs one.
MASKS_CHECKED = (
    [str(lung_files.folder(DATA, config["lungs"]["masks_dir"])), LUNGS_BY == "given"]
    if LUNGS_BY in lung_files.USED_BY
    else []
)
# Whether lung masks are compared with those of the other methods.
COMPARED = config["lungs"]["compare"] and REGION == "lungs"
AGREEMENT = "results/evaluation/lung_agreement.parquet"


def lung_mask(wildcards):
    """Header and voxel file of a scan's given lung mask, if there is one."""
    return list(LUNG_MASKS.get(wildcards.uid, []))


def lung_source(wildcards):
    """Files beside the scan that its lung mask is made from: a given mask, a prediction, or none.

    Scripts pass them to `lung_masks.of_scan`, together with the method.
    """
    if LUNGS_BY == "unet":
        return [f"results/lungs/unet/answers/{wildcards.uid}.npy"]
    if LUNGS_BY == "mask":
        return [adopted(wildcards.uid, name) for name in ("organ.mhd", "organ.zraw")]
    return lung_mask(wildcards) if LUNGS_BY == "given" else []


def lung_stacks(wildcards):
    """Coarse slices and lung masks of the scans that a fold's jobs may read."""
    own = ["slices/{uid}.npy", "slices/{uid}.parquet", "masks/{uid}.parquet"]
    return expand([f"results/lungs/unet/{name}" for name in own], uid=part_scans("fold"))


def lung_answers(wildcards):
    """The lung U-Nets' predictions for every scan, if lungs.method is `unet`."""
    asked = scans() if LUNGS_BY == "unet" else []
    return expand("results/lungs/unet/answers/{uid}.npy", uid=asked)
