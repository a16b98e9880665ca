"""How networks are asked about slices and crops, the same in training and afterwards."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nodules.learning.machine import GREY_MEAN, GREY_SPREAD, autocast, to_device
from nodules.prepare.crops import CropSample, CropSize, Nodule
from nodules.prepare.stacks import Stack

BATCH = {"cpu": 32, "cuda": 256}  # crops


def slice_logits(
    network: nn.Module, stack: Stack, slices: Sequence[int], context: int, device: torch.device
) -> Tensor:
    """Logits (n, y, x) of some slices of a stack, on the device."""
    images = np.stack([stack.window(int(z), context) for z in slices])
    return network(to_device(torch.from_numpy(images), device))[:, 0].float()


def logits_of(network: nn.Module, inputs: Tensor) -> Tensor:
    """One logit per crop, whose grey levels 0 to 1 are brought to ImageNet's mean and spread.

    Or one per cube, of which a network in 3-D also says which voxels are nodule.
    """
    if inputs.ndim == 5:
        return network(inputs)[0]
    return network((inputs - GREY_MEAN) / GREY_SPREAD)[:, 0]


def crop_logits(
    networks: Sequence[nn.Module],
    stacks: Sequence[Stack],
    crops: Sequence[CropSample],
    size: CropSize,
    device: torch.device,
) -> NDArray[np.float64]:
    """Logit of each crop, the mean over the networks."""
    step, logits = BATCH.get(device.type, 32), []
    for start in range(0, len(crops), step):
        images = np.stack(
            [c.place.shown(stacks[c.scan], size.mm, size.px) for c in crops[start : start + step]]
        )
        inputs = to_device(torch.from_numpy(images), device)
        with torch.inference_mode(), autocast(device):
            parts = [logits_of(network, inputs).float() for network in networks]
        logits.append(torch.stack(parts).mean(0).double().cpu().numpy())
    return np.concatenate(logits) if logits else np.zeros(0)


def nodule_logits(
    network: nn.Module,
    stacks: Sequence[Stack],
    nodules: Sequence[Nodule],
    size: CropSize,
    device: torch.device,
) -> NDArray[np.float64]:
    """A network's logit of each nodule: the mean over its crops."""
    crops = [c for nodule in nodules for c in nodule.crops()]
    logits = crop_logits([network], stacks, crops, size, device)
    return logits.reshape(len(nodules), -1).mean(axis=1) if nodules else logits
