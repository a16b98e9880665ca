"""A U-Net whose encoder is torchvision's Swin transformer (Liu et al., ICCV 2021)."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.swin_transformer import SwinTransformer

from nodules.base.files import UserError
from nodules.learning.machine import GREY_MEAN, GREY_SPREAD
from nodules.learning.networks.unet import PIXEL_PRIOR, double_conv
from nodules.learning.networks.weights import apply_state, load_state
from nodules.stats.seeds import derive

# Settings that define the architecture; stored in the manifest.
SHAPE = ("context", "token_px", "width", "blocks", "heads", "window")
DROPPED_PATHS = 0.2  # highest rate of stochastic depth in training, as in Swin-T
STEM, OTHERS = "features.0.0.weight", ("norm.", "head.")  # of torchvision's classifier


class SwinUNet(nn.Module):
    """Swin's stages as encoder, a light convolutional decoder, and a skip from each stage.

    Input (batch, 2 * context + 1, y, x), grey levels 0 to 1; output logits (batch, 1, y, x). Tokens
    of `token_px` pixels are too coarse for the edge of a small nodule, so the decoder's last step
    also sees the slice itself, through two convolutions. Sides must be multiples of `step`.
    """

    def __init__(
        self,
        context: int,
        token_px: int,
        width: int,
        blocks: Sequence[int],
        heads: Sequence[int],
        window: int,
    ) -> None:
        super().__init__()
        inputs, fine = 2 * context + 1, max(width // 2, 1)
        widths = [width * 2**level for level in range(len(blocks))]
        self.step = token_px * 2 ** (len(blocks) - 1)
        self.features = SwinTransformer(
            [token_px] * 2, width, list(blocks), list(heads), [window] * 2,
            stochastic_depth_prob=DROPPED_PATHS, num_classes=1,
        ).features  # fmt: skip
        self.features[0][0] = nn.Conv2d(inputs, width, token_px, stride=token_px)
        self.norms = nn.ModuleList(nn.LayerNorm(w) for w in widths)
        self.fine = double_conv(inputs, fine)
        pairs = list(zip(widths[1:], widths[:-1], strict=True))[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(low, high, 2, stride=2) for low, high in pairs)
        self.merge = nn.ModuleList(double_conv(2 * high, high) for _, high in pairs)
        self.up.append(nn.ConvTranspose2d(width, fine, token_px, stride=token_px))
        self.merge.append(double_conv(2 * fine, fine))
        self.last = nn.Conv2d(fine, 1, 1)
        assert self.last.bias is not None
        nn.init.constant_(self.last.bias, math.log(PIXEL_PRIOR / (1 - PIXEL_PRIOR)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, 1, y, x); UserError if a side is not a multiple of `step`."""
        if any(side % self.step for side in x.shape[-2:]):
            sides = " x ".join(str(side) for side in x.shape[-2:])
            raise UserError(
                f"transformer: an image of {sides} pixels, but its sides must be multiples of"
                f" {self.step}. Change slices.size or unet.patch, or use fewer transformer.blocks"
                " or a smaller transformer.token_px."
            )
        x = (x - GREY_MEAN) / GREY_SPREAD
        skips = [self.fine(x), *self.encode(x)]
        x = skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], dim=1))
        return self.last(x)

    def encode(self, x: Tensor) -> list[Tensor]:
        """Output of each stage (batch, channels, y, x), from the finest to the coarsest."""
        stages = []
        for place, layer in enumerate(self.features):
            x = layer(x)  # (batch, y, x, channels)
            if place % 2:  # blocks; even layers make or merge tokens
                stages.append(self.norms[place // 2](x).permute(0, 3, 1, 2))
        return stages


def build(
    settings: Mapping[str, Any], seed: int, weights: str | Path | None = None, key: str = ""
) -> SwinUNet:
    """A Swin U-Net with random weights that depend on the seed alone, or with a given encoder.

    weights: path of a state dict of torchvision's Swin of exactly this shape (token_px 4, width 96,
    blocks 2, 2, 6, 2, heads 3, 6, 12, 24 and window 7 are `swin_t`). Its classifier is skipped, and
    so is its first layer unless context is 1, since ImageNet's images have three channels. key: of
    the config, if it names the file.
    """
    torch.manual_seed(derive(seed, "transformer"))
    network = SwinUNet(**{name: settings[name] for name in SHAPE})
    if weights is not None:
        state = {n: t for n, t in load_state(weights, key).items() if not n.startswith(OTHERS)}
        own = network.state_dict()
        if STEM in state and state[STEM].shape[1] != own[STEM].shape[1]:
            del state[STEM]
        encoder = {name for name in own if name.startswith("features.")}
        apply_state(network, state, weights, set(own) - encoder | {STEM}, key)
    return network
