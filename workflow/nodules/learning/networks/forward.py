"""How networks are run on slices and crops, the same in training and inference."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nodules.learning.machine import GREY_MEAN, GREY_SPREAD, autocast, to_device
from nodules.prepare.crops import CropSample, CropSize, Nodule
from nodules.prepare.stacks import Stack

BATCH = {"cpu": 32, "cuda": 256}  # crops per batch


def slice_logits(
    network: nn.Module, stack: Stack, slices: Sequence[int], context: int, device: torch.device
) -> Tensor:
    """Logits (n, y, x) of some slices of a stack, on the device."""
    images = np.stack([stack.window(int(z), context) for z in slices])
    return network(to_device(torch.from_numpy(images), device))[:, 0].float()


def logits_of(network: nn.Module, inputs: Tensor) -> Tensor:
    """One logit per crop (n, 3, y, x), or per cube (n, 1, z, y, x).

    Crops have grey levels from 0 to 1, which are normalised with ImageNet's mean and standard
    deviation. Of a 3-D network's output, the logits of the voxels are dropped.
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
    """Logits (n,) of crops, averaged over the networks."""
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
    """A network's logit of each nodule (n,), averaged over the nodule's crops."""
    crops = [c for nodule in nodules for c in nodule.crops()]
    logits = crop_logits([network], stacks, crops, size, device)
    return logits.reshape(len(nodules), -1).mean(axis=1) if nodules else logits
