"""The second stage in 3-D: whether a cube shows a nodule, and which of its voxels are nodule."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nodules.learning.networks.unet3d import STRIDE, double_conv, space_to_depth

SHAPE = ("widths",)  # settings that define the architecture; stored in the manifest

HIDDEN = 64  # units between the features and the cube's logit
DROPPED = 0.2  # dropout of these units in training
VOXEL_PRIOR = 0.05  # initial probability that a voxel is nodule


class Reducer3D(nn.Module):
    """An encoder with one logit for the cube, and a decoder with one for each voxel.

    Input (batch, 1, z, y, x), grey levels 0 to 1; sides are multiples of 2 ** levels. Output: logit
    of a nodule (batch,), and logits of its voxels (batch, 1, z, y, x). Like the 3-D U-Net it works
    on blocks of 2 x 2 x 2 voxels as eight channels, at an eighth of the work.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        inputs = [STRIDE**3, *widths[:-1]]
        self.down = nn.ModuleList(double_conv(i, o) for i, o in zip(inputs, widths, strict=True))
        pairs = list(zip(widths[1:], widths[:-1], strict=True))[::-1]
        self.merge = nn.ModuleList(double_conv(low + high, high) for low, high in pairs)
        self.mask = nn.Conv3d(widths[0], STRIDE**3, 1)
        # Features are >= 0. With a bias of 0 the network may learn features of 0 in nodules and
        # negative logits everywhere else: then no voxel's probability ever exceeds one half.
        assert self.mask.bias is not None
        nn.init.constant_(self.mask.bias, math.log(VOXEL_PRIOR / (1 - VOXEL_PRIOR)))
        features = 2 * widths[-1] + 2 * widths[0]
        self.judge = nn.Sequential(
            nn.Linear(features, HIDDEN), nn.ReLU(), nn.Dropout(DROPPED), nn.Linear(HIDDEN, 1)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logit of the cube (batch,), and of its voxels (batch, 1, z, y, x)."""
        x = space_to_depth(x).contiguous(memory_format=torch.channels_last_3d)
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else nn.functional.max_pool3d(x, 2))
            skips.append(x)
        deepest = x = skips.pop()
        for merge in self.merge:
            skip = skips.pop()
            x = merge(torch.cat([skip, nn.functional.interpolate(x, scale_factor=2)], dim=1))
        blocks = self.mask(x)
        # The features of the presumed nodule are averaged separately from the whole cube's.
        share = blocks.sigmoid().mean(1, keepdim=True)
        inside = (x * share).sum((2, 3, 4)) / (share.sum((2, 3, 4)) + 1)
        seen = [deepest.mean((2, 3, 4)), deepest.amax((2, 3, 4)), inside, x.amax((2, 3, 4))]
        return self.judge(torch.cat(seen, dim=1))[:, 0], depth_to_space(blocks)


def depth_to_space(blocks: Tensor) -> Tensor:
    """The inverse of `space_to_depth`: (batch, 8, z, y, x) to (batch, 1, 2 z, 2 y, 2 x)."""
    batch, _, nz, ny, nx = blocks.shape
    split = blocks.reshape(batch, STRIDE, STRIDE, STRIDE, nz, ny, nx).permute(0, 4, 1, 5, 2, 6, 3)
    return split.reshape(batch, 1, nz * STRIDE, ny * STRIDE, nx * STRIDE)


def build(
    settings: Mapping[str, Any], seed: int, weights: str | Path | None = None, key: str = ""
) -> Reducer3D:
    """A network with random weights that depend on the seed alone."""
    assert weights is None, "there is no file that it could start from"
    torch.manual_seed(seed)
    return Reducer3D(settings["widths"])
