"""A U-Net in 3-D that marks nodule centres and estimates each nodule's diameter.

Its output is a heat map at half the volume's resolution, as CenterNet's (Zhou et al., 2019,
arXiv:1904.07850), and a map of diameters. So touching nodules have a centre each, and a nodule of
30 mm has only one.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SHAPE = ("widths",)  # settings that define the architecture; stored in the manifest

STRIDE = 2  # voxels of the volume per voxel of the output, along each axis
CENTRE_PRIOR = 0.001  # initial probability of a centre
USUAL_LOG_DIAMETER = 3.0  # log2 of 8 mm


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3 x 3 x 3 convolutions, each followed by batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv3d(channels, outputs, 3, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def space_to_depth(x: Tensor) -> Tensor:
    """(batch, 1, z, y, x) to (batch, 8, z/2, y/2, x/2): each 2 x 2 x 2 block becomes channels."""
    batch, _, *sides = x.shape
    nz, ny, nx = (n // STRIDE for n in sides)
    blocks = x.reshape(batch, nz, STRIDE, ny, STRIDE, nx, STRIDE)
    return blocks.permute(0, 2, 4, 6, 1, 3, 5).reshape(batch, STRIDE**3, nz, ny, nx)


class UNet3D(nn.Module):
    """Encoder and decoder with skip connections (Cicek et al., MICCAI 2016), on 2 x 2 x 2 blocks.

    Input (batch, 1, z, y, x), grey levels 0 to 1; sides are multiples of `multiple`. Output (batch,
    2, z/2, y/2, x/2): logit of a nodule's centre, and log2 of its diameter in mm.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        inputs = [STRIDE**3, *widths[:-1]]
        self.down = nn.ModuleList(double_conv(i, o) for i, o in zip(inputs, widths, strict=True))
        pairs = list(zip(widths[1:], widths[:-1], strict=True))[::-1]
        self.merge = nn.ModuleList(double_conv(low + high, high) for low, high in pairs)
        self.last = nn.Conv3d(widths[0], 2, 1)
        assert self.last.bias is not None
        prior = math.log(CENTRE_PRIOR / (1 - CENTRE_PRIOR))
        with torch.no_grad():
            self.last.weight.mul_(0.1)
            self.last.bias.copy_(torch.tensor([prior, USUAL_LOG_DIAMETER]))

    @property
    def multiple(self) -> int:
        """Number of voxels that each side of the input must be a multiple of."""
        return int(STRIDE * 2 ** (len(self.down) - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Centre logit and log2 diameter (batch, 2, z/2, y/2, x/2)."""
        x = space_to_depth(x).contiguous(memory_format=torch.channels_last_3d)
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else nn.functional.max_pool3d(x, 2))
            skips.append(x)
        x = skips.pop()
        for merge in self.merge:
            skip = skips.pop()
            x = merge(torch.cat([skip, nn.functional.interpolate(x, scale_factor=2)], dim=1))
        return self.last(x)


def build(
    settings: Mapping[str, Any], seed: int, weights: str | Path | None = None, key: str = ""
) -> UNet3D:
    """A 3-D U-Net with random weights that depend on the seed alone."""
    assert weights is None, "there is no file that it could start from"
    torch.manual_seed(seed)
    return UNet3D(settings["widths"])
