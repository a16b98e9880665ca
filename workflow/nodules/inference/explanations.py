"""Grad-CAM and saliency maps of nodules, and measures of whether these maps mean anything.

A map is worth showing only if it depends on what the network has learned, so it is compared with
the map of the same network with randomised weights (Adebayo et al., Sanity checks for saliency
maps, NeurIPS 2018). The share of it inside the nodule is compared with the nodule's share of the
area.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from captum.attr import LayerAttribution, LayerGradCam, Saliency
from numpy.typing import NDArray
from scipy.stats import rankdata
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from nodules.base import tables
from nodules.base.files import atomic
from nodules.images import regions
from nodules.learning.machine import to_device
from nodules.learning.networks.forward import logits_of
from nodules.prepare.crops import CropSize, Nodule, Place, crop, crop_mask, places_of
from nodules.prepare.nodules import gather, region_of
from nodules.prepare.stacks import Stack
from nodules.stats.seeds import generator

Floats = NDArray[np.float64]

METHODS = ("gradcam", "saliency")
# Stages of the ResNet50, last first, and input pixels per cell of their output.
STAGES = {"layer4": 32, "layer3": 16, "layer2": 8, "layer1": 4}
LEAST_CELLS = 7  # a side, as in the last stage at the published 224 px
BATCH = 16  # with gradients, a crop takes several times the memory


class Explained(NamedTuple):
    """A nodule on the slice where it is largest: its crop, mask and maps."""

    uid: str
    number: int
    label: int
    diameter_mm: float
    probability: float
    slice: int
    image: NDArray[np.uint8]  # (3, y, x)
    mask: NDArray[np.bool_]  # (y, x)
    maps: dict[str, Floats]  # by method, (y, x), >= 0, sum 1 or all 0
    randomised: dict[str, Floats]  # the same for networks with randomised weights


def stage(side_px: int) -> str:
    """Name of the last stage whose output has at least LEAST_CELLS a side: layer4 at 224 px.

    It is layer1 if none has. Grad-CAM is meant for the last stage (Selvaraju et al., ICCV 2017),
    but on a crop of 64 px that has only 2 x 2 cells, too few to localise anything.
    """
    return next((n for n, px in STAGES.items() if side_px / px >= LEAST_CELLS), "layer1")


def explain(
    networks: Sequence[nn.Module], images: NDArray[np.uint8], signs: Floats, device: torch.device
) -> dict[str, Floats]:
    """Attribution maps (n, y, x), by method, of several networks' logits on crops (n, 3, y, x).

    signs: 1 for a map of what speaks for malignant, -1 for benign. Each map is >= 0 and sums to 1,
    or is 0 throughout; maps are averaged over the networks.

    Grad-CAM: captum's LayerGradCam, ReLU, bilinear to crop pixels. Saliency: absolute gradient,
    maximum over the channels (Simonyan et al., ICLR workshop 2014).
    """
    sums = {name: np.zeros((len(images), *images.shape[2:])) for name in METHODS}
    for network in networks:
        for start in range(0, len(images), BATCH):
            rows = slice(start, start + BATCH)
            inputs = to_device(torch.from_numpy(images[rows]), device)
            towards = torch.as_tensor(signs[rows], dtype=torch.float32, device=device)
            found = {
                "gradcam": _gradcam(network, inputs, towards),
                "saliency": _saliency(network, inputs, towards),
            }
            for name, maps in found.items():
                sums[name][rows] += shares(maps.double().cpu().numpy())
    return {name: shares(total) for name, total in sums.items()}


def _gradcam(network: nn.Module, inputs: Tensor, towards: Tensor) -> Tensor:
    layer = network.get_submodule(stage(inputs.shape[-1]))
    method = LayerGradCam(lambda x, sign: logits_of(network, x) * sign, layer)
    cells = method.attribute(inputs, additional_forward_args=towards, relu_attributions=True)
    size = (inputs.shape[-2], inputs.shape[-1])
    return LayerAttribution.interpolate(cells, size, "bilinear")[:, 0].detach()


def _saliency(network: nn.Module, inputs: Tensor, towards: Tensor) -> Tensor:
    method = Saliency(lambda x, sign: logits_of(network, x) * sign)
    found = method.attribute(inputs.requires_grad_(), additional_forward_args=towards, abs=True)
    return found.amax(dim=1).detach()


def shares(maps: Floats) -> Floats:
    """Maps (n, y, x) divided by their sums; a map that is 0 throughout stays so."""
    total = maps.sum(axis=(1, 2), keepdims=True)
    return np.divide(maps, total, out=np.zeros_like(maps), where=total > 0)


def randomised(network: nn.Module, seed: int) -> nn.Module:
    """A copy of a network with the elements of every weight and statistic tensor shuffled.

    So each layer keeps the distribution of its weights, but nothing of what they have learned.
    """
    other = copy.deepcopy(network)
    rng = generator(seed, "randomised weights")
    with torch.no_grad():
        for tensor in other.state_dict().values():
            if tensor.is_floating_point():
                order = torch.from_numpy(rng.permutation(tensor.numel())).to(tensor.device)
                tensor.copy_(tensor.flatten()[order].reshape(tensor.shape))
    return other


def nodules_of(
    networks: Sequence[nn.Module],
    stacks: Sequence[Stack],
    labels: pd.DataFrame,
    scores: pd.DataFrame,
    size: CropSize,
    seed: int,
    device: torch.device,
) -> list[Explained]:
    """Every labelled nodule of some scans, with maps of the networks' answer to it.

    labels: table `malignancy_labels`; scores: from `votes.combine`. The maps show what speaks for
    the class that the ensemble predicted.
    """
    found = gather(stacks, labels[labels["label"] >= 0], 1)
    if not found:
        return []
    shown = [_largest(stacks[n.scan], n) for n in found]
    images = np.stack(
        [crop(stacks[n.scan], p, size.mm, size.px) for n, (p, _) in zip(found, shown, strict=True)]
    )
    given = scores.set_index(["seriesuid", "nodule"])["probability"]
    keys = [(stacks[n.scan].uid, n.number) for n in found]
    answers = np.array([float(given.loc[key]) for key in keys])
    signs = np.where(answers >= 0.5, 1.0, -1.0)
    maps = explain(networks, images, signs, device)
    changed = [randomised(network, seed + i) for i, network in enumerate(networks)]
    others = explain(changed, images, signs, device)
    sizes = labels.set_index(["seriesuid", "nodule"])["diameter_mm"]
    return [
        Explained(
            *(uid, number, found[i].label, float(sizes.loc[(uid, number)]), answers[i]),
            shown[i][0].z,
            images[i],
            crop_mask(stacks[found[i].scan], shown[i][1], shown[i][0], size.mm, size.px),
            {name: maps[name][i] for name in METHODS},
            {name: others[name][i] for name in METHODS},
        )
        for i, (uid, number) in enumerate(keys)
    ]


def measure(nodules: Sequence[Explained]) -> pd.DataFrame:
    """Table `explanations`: for each nodule and method, measures of the map."""
    rows = [
        {
            "seriesuid": n.uid,
            "nodule": n.number,
            "method": method,
            "label": n.label,
            "probability": n.probability,
            "slice": n.slice,
            "share_inside": share_inside(n.maps[method], n.mask),
            "area_share": float(n.mask.mean()),
            "share_inside_randomised": share_inside(n.randomised[method], n.mask),
            "rank_correlation": rank_correlation(n.maps[method], n.randomised[method]),
            "ssim": similarity(n.maps[method], n.randomised[method]),
        }
        for n in nodules
        for method in METHODS
    ]
    return tables.frame("explanations", rows)


def write(path: str | Path, nodules: Sequence[Explained]) -> None:
    """Write all that a figure of these nodules needs, atomically, without the randomised maps.

    One .npz of arrays over the nodules, to be opened with `read`.
    """
    columns = {
        name: np.array([getattr(n, name) for n in nodules])
        for name in ("uid", "number", "label", "diameter_mm", "probability", "slice")
    }
    columns |= {name: np.array([getattr(n, name) for n in nodules]) for name in ("image", "mask")}
    maps = {name: np.array([n.maps[name] for n in nodules]) for name in METHODS}
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **columns, **maps)


def read(path: str | Path) -> list[Explained]:
    """Nodules stored by `write`, without randomised maps."""
    with np.load(path, allow_pickle=False) as found:
        own = {name: found[name] for name in found.files}
    return [
        Explained(
            uid=str(own["uid"][i]),
            number=int(own["number"][i]),
            label=int(own["label"][i]),
            diameter_mm=float(own["diameter_mm"][i]),
            probability=float(own["probability"][i]),
            slice=int(own["slice"][i]),
            image=own["image"][i],
            mask=own["mask"][i],
            maps={name: own[name][i] for name in METHODS},
            randomised={},
        )
        for i in range(len(own["uid"]))
    ]


def choose(nodules: Sequence[Explained], count: int) -> list[Explained]:
    """`count` nodules, half of each label if possible, evenly from sure to unsure of malignancy."""
    picked: list[Explained] = []
    classes = [[n for n in nodules if n.label == label] for label in (1, 0)]
    for place, own in enumerate(sorted(classes, key=len)):
        ordered = sorted(own, key=lambda n: (-n.probability, n.uid, n.number))
        share = min((count - len(picked)) // (len(classes) - place), len(ordered))
        rows = np.linspace(0, len(ordered) - 1, share).round().astype(int)
        picked += [ordered[i] for i in rows]
    return sorted(picked, key=lambda n: (-n.label, -n.probability, n.uid, n.number))


def share_inside(found: Floats, mask: NDArray[np.bool_]) -> float:
    """Share of a map's sum within a mask; NaN for a map that is 0 throughout."""
    total = found.sum()
    return float(found[mask].sum() / total) if total > 0 else float("nan")


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation of two maps over their pixels; NaN if one is constant."""
    ranks = [rankdata(m) for m in (one, other)]
    if any(np.ptp(r) == 0 for r in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def similarity(one: Floats, other: Floats) -> float:
    """Structural similarity (Wang et al. 2004) of two maps scaled to maximum 1; NaN if one is 0."""
    if one.max() <= 0 or other.max() <= 0:
        return float("nan")
    return float(structural_similarity(one / one.max(), other / other.max(), data_range=1.0))


def _largest(stack: Stack, nodule: Nodule) -> tuple[Place, NDArray[np.bool_]]:
    """The place on the slice where a nodule's mask is largest, and its mask (y, x) there."""
    rows = region_of(stack, stack.masks, nodule.number)
    shape = stack.geometry.shape[1:]
    if rows.empty:
        (centre,) = nodule.places
        assert isinstance(centre, Place)  # these networks see slices
        return centre, np.zeros(shape, bool)
    areas = regions.area(rows)
    # Among equally large ones, the middle one.
    best = rows[areas == areas.max()].sort_values("z")
    row = best.iloc[[len(best) // 2]]
    (place,) = places_of(row, 1)
    return place, regions.paint_slice(row, shape) > 0
