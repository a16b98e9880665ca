# Where lungs come from: shared by the rules that find them and those that need them.
from nodules.datasets import lung_files

# How lungs are found, or what stands in their place for another organ, and by which network.
LUNG_UNET, REGION = config["lungs"]["unet"], config["region"]["method"]
LUNGS_BY = {"lungs": config["lungs"]["method"], "none": "whole"}.get(REGION, REGION)
# Header and voxels of the lung masks that lie beside the scans, by UID.
LUNG_MASKS = {} if FIGURES_ONLY else lung_files.at_hand(DATA, config, FOUND)
# For the check: the folder of the masks, where they are used, and whether each scan needs one.
MASKS_CHECKED = (
    [str(lung_files.folder(DATA, config["lungs"]["masks_dir"])), LUNGS_BY == "given"]
    if LUNGS_BY in lung_files.USED_BY
    else []
)
# How far the lungs used agree with those by other methods, where there are lungs.
COMPARED = config["lungs"]["compare"] and REGION == "lungs"
AGREEMENT = "results/evaluation/lung_agreement.parquet"


def lung_mask(wildcards):
    """Header and voxels of a scan's given lung mask, where there is one."""
    return list(LUNG_MASKS.get(wildcards.uid, []))


def lung_source(wildcards):
    """What a scan's lungs are made of beside it: a given mask, a network's answer, or nothing.

    A script hands it on to `lung_masks.of_scan`, with the method.
    """
    if LUNGS_BY == "unet":
        return [f"results/lungs/unet/answers/{wildcards.uid}.npy"]
    if LUNGS_BY == "mask":
        return [adopted(wildcards.uid, name) for name in ("organ.mhd", "organ.zraw")]
    return lung_mask(wildcards) if LUNGS_BY == "given" else []


def lung_stacks(wildcards):
    """Coarse slices and lung masks of the scans that a fold's jobs may touch."""
    own = ["slices/{uid}.npy", "slices/{uid}.parquet", "masks/{uid}.parquet"]
    return expand([f"results/lungs/unet/{name}" for name in own], uid=part_scans("fold"))


def lung_answers(wildcards):
    """What the lung U-Nets say of every scan, where there are any."""
    asked = scans() if LUNGS_BY == "unet" else []
    return expand("results/lungs/unet/answers/{uid}.npy", uid=asked)
