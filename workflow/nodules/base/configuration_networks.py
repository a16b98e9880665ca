"""Settings that no network can be built with or trained on, and contradictions between them."""

from collections.abc import Iterator, Mapping
from typing import Any

SMALLEST_PATCH = 32  # pixels; halving a smaller input five times leaves nothing
SEE_SLICES = ("unet", "attention_unet", "transformer")  # detectors trained on `unet.patch`
# Pixels of the network's input; torchvision rounds the sides of anchors, and smaller ones become
# empty, which makes every loss infinite.
SMALLEST_ANCHOR = 1.5
PADDED = 32  # pixels; torchvision pads Mask R-CNN's slices to multiples of this


def contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each problem."""
    yield from _of_malignancy(config["malignancy"])
    yield from _of_detectors(config)
    yield from _in_3d(config)
    if config["maskrcnn"]["enabled"]:
        yield from _of_maskrcnn(config["maskrcnn"], config["slices"]["size"])


def _of_malignancy(malignancy: Mapping[str, Any]) -> Iterator[str]:
    """Problems with the input size and start weights of the 3-D malignancy network."""
    if malignancy["network"] != "reducer3d":
        return
    step = 2 ** len(malignancy["widths"])
    if malignancy["cube"] % step:
        yield (
            f"malignancy.cube: must be a multiple of {step} for {len(malignancy['widths'])}"
            " malignancy.widths"
        )
    if malignancy["weights"] != "random":
        yield "malignancy.weights: must be random for reducer3d, for which there are no others"


def _of_detectors(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems with the input sizes and levels of this run's 2-D detectors."""
    size, patch = config["slices"]["size"], config["unet"]["patch"]
    for name in (name for name in config["detectors"] if name in SEE_SLICES):
        own = config[name]
        if name == "transformer":
            yield from _of_transformer(own)
            levels, shape = len(own["blocks"]), f"{len(own['blocks'])} transformer.blocks"
            shape += f" and transformer.token_px {own['token_px']}"
        else:
            levels, shape = own["depth"], f"{name}.depth {own['depth']}"
        step = own.get("token_px", 1) * 2 ** (levels - 1)
        least = max(SMALLEST_PATCH, 2 * step)  # a single pixel cannot be normalised
        if size % step:
            yield f"slices.size: must be a multiple of {step} for {shape}"
        if patch % step or patch > size or 0 < patch < least:
            yield (
                f"unet.patch: must be 0 or a multiple of {step} for {shape}, at least {least}, and"
                f" not exceed slices.size {size}"
            )


def _of_transformer(transformer: Mapping[str, Any]) -> Iterator[str]:
    if len(transformer["heads"]) != len(transformer["blocks"]):
        yield "transformer.heads: name as many numbers as transformer.blocks has"
    for stage, heads in enumerate(transformer["heads"]):
        channels = transformer["width"] * 2**stage
        if channels % heads:
            yield (
                f"transformer.heads: stage {stage + 1} has {channels} channels, which {heads} heads"
                " cannot share equally"
            )
    if transformer["weights"] == "imagenet":
        yield (
            "transformer.weights: ImageNet's are not fetched; download torchvision's swin_t and"
            " name the file, or set it to random"
        )


def _in_3d(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems with the order of detectors and the settings of the 3-D networks."""
    if config["detectors"][0] not in SEE_SLICES:
        yield (
            f"detectors: name one of {', '.join(SEE_SLICES)} first: what is shown slice by slice"
            " (presence, trends, gallery) follows the first of them"
        )
    for key in ("unet3d.patch", "unet3d.window", "reduction.cube"):
        yield from _of_sides(config, *key.split("."))
    shares = ("nodules", "bright", "mined")
    if sum(config["unet3d"][share] for share in shares) > 1 + 1e-9:  # 0.1 + 0.7 + 0.2 is over 1
        yield (
            "unet3d.nodules, unet3d.bright and unet3d.mined: are shares of the patches, so together"
            " at most 1"
        )


def _of_sides(config: Mapping[str, Any], section: str, key: str) -> Iterator[str]:
    """A message unless a side is a multiple of 2**levels, as it is halved once per level."""
    levels, side = len(config[section]["widths"]), config[section][key]
    if side % 2**levels:
        yield (
            f"{section}.{key}: must be a multiple of {2**levels} for the {levels} levels of"
            f" {section}.widths"
        )
    elif side == 2**levels and config[section].get("batch") == 1 and key != "window":
        yield _alone(section, f"{section}.{key} {side} and {levels} levels of {section}.widths")


def _alone(section: str, shown: str) -> str:
    """Batch normalisation needs at least two values per channel to estimate a variance."""
    return (
        f"{section}.batch: must be at least 2 for {shown}, of which the deepest level sees a single"
        " place"
    )


def _of_maskrcnn(maskrcnn: Mapping[str, Any], size: int) -> Iterator[str]:
    levels = maskrcnn["stages"] + 1
    if len(maskrcnn["anchors_px"]) != levels:
        yield f"maskrcnn.anchors_px: name {levels} sizes, one more than maskrcnn.stages"
    smallest = min(maskrcnn["anchors_px"]) * maskrcnn["scale"]
    if smallest < SMALLEST_ANCHOR:
        yield (
            f"maskrcnn.anchors_px: times maskrcnn.scale {maskrcnn['scale']} the smallest is"
            f" {smallest:g} pixels, but {SMALLEST_ANCHOR} is the least"
        )
    if maskrcnn["patch"] > size or 0 < maskrcnn["patch"] < SMALLEST_PATCH:
        yield (
            f"maskrcnn.patch: must be 0 or at least {SMALLEST_PATCH}, and not exceed slices.size"
            f" {size}"
        )
    side = (maskrcnn["patch"] or size) * maskrcnn["scale"]
    learns = maskrcnn["weights"] == "random"  # else batch normalisation is frozen
    if learns and maskrcnn["stages"] == 4 and maskrcnn["batch"] == 1 and round(side) <= PADDED:
        yield _alone("maskrcnn", f"4 maskrcnn.stages and slices shown at {round(side)} pixels")
    if maskrcnn["weights"] == "imagenet" and maskrcnn["backbone"] != "resnet50":
        yield (
            "maskrcnn.weights: ImageNet's are those of resnet50; set maskrcnn.backbone to resnet50"
            " or maskrcnn.weights to random"
        )
    if maskrcnn["weights"] == "random" and maskrcnn["trainable_layers"] < 5:
        yield "maskrcnn.trainable_layers: must be 5 where weights are random"
