"""The U-Net with additive attention gates (Oktay et al. 2018, arXiv:1804.03999)."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from nodules.learning.networks.unet import UNet
from nodules.stats.seeds import derive

# Settings that define the architecture; stored in the manifest.
SHAPE = ("filters", "depth", "context")
# Initial bias of a gate's logit: 95 % open, so that training starts near the plain U-Net.
OPEN = 3.0


class Gate(nn.Module):
    """Weights from 0 to 1 by which each pixel of a skip connection is multiplied.

    Additive attention, as published: skip and gating signal are added on the signal's grid, which
    is half as fine, and the result is interpolated to the skip's grid.
    """

    def __init__(self, skip: int, signal: int) -> None:
        super().__init__()
        between = max(skip // 2, 1)
        self.skip = nn.Conv2d(skip, between, 2, stride=2, bias=False)
        self.signal = nn.Conv2d(signal, between, 1)
        self.weigh = nn.Conv2d(between, 1, 1)
        assert self.weigh.bias is not None
        nn.init.constant_(self.weigh.bias, OPEN)

    def forward(self, skip: Tensor, signal: Tensor) -> Tensor:
        """Weights (batch, 1, y, x) of the pixels of a skip (batch, channels, y, x)."""
        weight = self.weigh((self.skip(skip) + self.signal(signal)).relu()).sigmoid()
        return interpolate(weight, scale_factor=2.0, mode="bilinear")


class AttentionUNet(UNet):
    """The U-Net of `unet.py` with a gate on each skip connection; fully open gates change nothing.

    Input, output and allowed sides are the U-Net's. Every skip is gated; the paper leaves the
    finest one ungated.
    """

    def __init__(self, filters: int, depth: int, context: int) -> None:
        super().__init__(filters, depth, context)
        widths = [filters * 2**level for level in range(depth)][::-1]
        self.gates = nn.ModuleList(Gate(high, low) for low, high in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, 1, y, x) of all pixels."""
        return self.answer(x)[0]

    def answer(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits, and the gates' maps (batch, 1, y, x) from the coarsest to the finest."""
        skips, maps = [], []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else max_pool2d(x, 2))
            skips.append(x)
        x = skips.pop()
        for gate, up, merge in zip(self.gates, self.up, self.merge, strict=True):
            skip = skips.pop()
            maps.append(gate(skip, x))
            x = merge(torch.cat([skip * maps[-1], up(x)], dim=1))
        return self.last(x), maps

    def gate_maps(self, x: Tensor) -> Tensor:
        """Weights that each gate gives to every pixel of images x: (gates, batch, y, x), 0 to 1.

        From the coarsest gate to the finest, all interpolated to the images' grid.
        """
        _, maps = self.answer(x)
        return torch.stack([interpolate(m, size=x.shape[-2:], mode="bilinear")[:, 0] for m in maps])


def build(
    settings: Mapping[str, Any], seed: int, weights: str | Path | None = None, key: str = ""
) -> AttentionUNet:
    """An attention U-Net with random weights that depend on the seed alone."""
    assert weights is None, "there is no file that it could start from"
    torch.manual_seed(derive(seed, "attention_unet"))
    return AttentionUNet(settings["filters"], settings["depth"], settings["context"])
