"""torchvision's ResNet50 for crops, with one output logit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models import resnet50

from nodules.learning.networks.weights import apply_state, load_state

SHAPE = ()  # no setting changes the architecture


def build(
    settings: Mapping[str, Any], seed: int, weights: str | Path | None = None, key: str = ""
) -> nn.Module:
    """torchvision's ResNet50 with one output logit.

    weights: path of a state dict of torchvision's ResNet50 (whose final layer is skipped) or of
    this network; None for random weights that depend on the seed alone. key: of the config, if it
    names the file.
    """
    torch.manual_seed(seed)
    # Residual branches that start at zero let a network without weights learn much faster
    # (Goyal et al., arXiv:1706.02677); loaded weights replace them.
    network = resnet50(weights=None, zero_init_residual=weights is None)
    network.fc = nn.Linear(network.fc.in_features, 1)
    if weights is not None:
        state = load_state(weights, key)
        if state.get("fc.weight", torch.empty(0)).shape != network.fc.weight.shape:
            state = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
        apply_state(network, state, weights, {"fc.weight", "fc.bias"}, key)
    return network
