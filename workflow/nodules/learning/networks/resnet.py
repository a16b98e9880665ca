"""torchvision's ResNet50 for crops: how it is built and how it is asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models import resnet50

from nodules.learning.machine import autocast, to_device
from nodules.learning.networks.weights import apply_state, load_state
from nodules.prepare.crops import CropSample, crop
from nodules.prepare.nodules import Nodule
from nodules.prepare.stacks import Stack

BATCH = {"cpu": 32, "cuda": 256}


def build_resnet(seed: int, weights: str | Path | None = None) -> nn.Module:
    """torchvision's ResNet50 with one output logit.

    weights: path of a state dict of torchvision's ResNet50 (its own last layer is left out) or
    of this network; None for random weights that depend on the seed alone.
    """
    torch.manual_seed(seed)
    # Residual branches that start at zero let a network without weights learn much faster
    # (Goyal et al., arXiv:1706.02677); loaded weights replace them.
    network = resnet50(weights=None, zero_init_residual=weights is None)
    network.fc = nn.Linear(network.fc.in_features, 1)
    if weights is not None:
        state = load_state(weights, "resnet.weights")
        if state.get("fc.weight", torch.empty(0)).shape != network.fc.weight.shape:
            state = {key: value for key, value in state.items() if not key.startswith("fc.")}
        apply_state(network, state, weights, {"fc.weight", "fc.bias"}, "resnet.weights")
    return network


def logits_of(network: nn.Module, inputs: Tensor) -> Tensor:
    """One logit per crop; grey levels 0 to 1 are brought to ImageNet's mean and spread."""
    return network((inputs - 0.45) / 0.225)[:, 0]


def answer(
    networks: Sequence[nn.Module],
    stacks: Sequence[Stack],
    crops: Sequence[CropSample],
    settings: dict[str, Any],
    device: torch.device,
) -> NDArray[np.float64]:
    """Logit of each crop, the mean over the networks."""
    step, logits = BATCH.get(device.type, 32), []
    for start in range(0, len(crops), step):
        images = np.stack(
            [
                crop(stacks[c.scan], c.place, settings["crop_mm"], settings["crop_px"])
                for c in crops[start : start + step]
            ]
        )
        inputs = to_device(torch.from_numpy(images), device)
        with torch.inference_mode(), autocast(device):
            parts = [logits_of(network, inputs).float() for network in networks]
        logits.append(torch.stack(parts).mean(0).double().cpu().numpy())
    return np.concatenate(logits) if logits else np.zeros(0)


def ask(
    network: nn.Module,
    stacks: Sequence[Stack],
    nodules: Sequence[Nodule],
    settings: dict[str, Any],
    device: torch.device,
) -> NDArray[np.float64]:
    """A network's logit of each nodule: the mean over its crops."""
    crops = [c for nodule in nodules for c in nodule.crops()]
    logits = answer([network], stacks, crops, settings, device)
    return logits.reshape(len(nodules), -1).mean(axis=1) if nodules else logits
