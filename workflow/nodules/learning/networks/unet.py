"""The U-Net for slices (Ronneberger et al., MICCAI 2015)."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

# Approximate share of nodule pixels in a training slice. The last layer starts from it, so that
# the first steps are not spent on learning that nodules are rare.
PIXEL_PRIOR = 0.005

# Settings that define the architecture; stored in the manifest.
SHAPE = ("filters", "depth", "context")


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3 x 3 convolutions, each followed by batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Encoder and decoder with skip connections (Ronneberger et al., MICCAI 2015).

    Input (batch, 2 * context + 1, y, x), output logits (batch, 1, y, x); the sigmoid belongs to
    the loss and to inference. Sides must be multiples of 2 ** (depth - 1).
    """

    def __init__(self, filters: int, depth: int, context: int) -> None:
        super().__init__()
        widths = [filters * 2**level for level in range(depth)]
        inputs = [2 * context + 1, *widths[:-1]]
        self.down = nn.ModuleList(double_conv(i, o) for i, o in zip(inputs, widths, strict=True))
        pairs = list(zip(widths[1:], widths[:-1], strict=True))[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(low, high, 2, stride=2) for low, high in pairs)
        self.merge = nn.ModuleList(double_conv(2 * high, high) for _, high in pairs)
        self.last = nn.Conv2d(filters, 1, 1)
        assert self.last.bias is not None
        nn.init.constant_(self.last.bias, math.log(PIXEL_PRIOR / (1 - PIXEL_PRIOR)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, 1, y, x) of all pixels."""
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else nn.functional.max_pool2d(x, 2))
            skips.append(x)
        x = skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], dim=1))
        return self.last(x)


def build(
    settings: Mapping[str, Any], seed: int, weights: str | Path | None = None, key: str = ""
) -> UNet:
    """A U-Net with random weights that depend on the seed alone."""
    assert weights is None, "there is no file that it could start from"
    torch.manual_seed(seed)
    return UNet(settings["filters"], settings["depth"], settings["context"])
