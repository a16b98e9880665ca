"""The networks: a U-Net for slices and torchvision's ResNet50 for crops."""

import hashlib
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import resnet50

from nodules.files import UserError, atomic

# Share of nodule pixels in a training slice, about: the last layer starts there, so that the
# first steps are not spent on learning that nodules are rare.
PIXEL_PRIOR = 0.005


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3 x 3 convolutions, each with batch normalisation and ReLU."""
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
        """Logits of every pixel."""
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else nn.functional.max_pool2d(x, 2))
            skips.append(x)
        x = skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], dim=1))
        return self.last(x)


def build_unet(settings: dict[str, Any], seed: int) -> UNet:
    """A U-Net with fresh weights that depend on the seed alone."""
    torch.manual_seed(seed)
    return UNet(settings["filters"], settings["depth"], settings["context"])


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
        state = load_state(weights)
        if state.get("fc.weight", torch.empty(0)).shape != network.fc.weight.shape:
            state = {key: value for key, value in state.items() if not key.startswith("fc.")}
        apply_state(network, state, weights, allowed_missing={"fc.weight", "fc.bias"})
    return network


def load_state(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict; only tensors are ever unpickled."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for a broken or hostile file
        raise UserError(
            f"{path}: cannot be read as a state dict of tensors"
            f" ({str(error)[:120] or type(error).__name__})."
            " Delete the file and run snakemake again, or name another one in the config."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise UserError(
            f"{path}: holds something other than a state dict of tensors. Save"
            " network.state_dict(), not the network, or name another file in the config."
        )
    bad = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if bad:
        raise UserError(
            f"{path}: {len(bad)} tensors, such as {bad[0]}, hold numbers that are not finite."
            " Delete the file and run snakemake again, or name another one in the config."
        )
    return state


def apply_state(
    network: nn.Module,
    state: dict[str, Tensor],
    path: str | Path,
    allowed_missing: set[str] = frozenset(),  # type: ignore[assignment]
) -> None:
    """Put a state dict into a network; UserError where it belongs to another architecture."""
    own = network.state_dict()
    missing = set(own) - set(state) - allowed_missing
    unknown = set(state) - set(own)
    shapes = [k for k in set(own) & set(state) if own[k].shape != state[k].shape]
    if missing or unknown or shapes:
        raise UserError(
            f"{path}: weights of another network: {len(missing)} tensors missing,"
            f" {len(unknown)} unknown, {len(shapes)} of another shape, such as"
            f" {sorted(missing | unknown | set(shapes))[0]}. Check the width and depth in the"
            " config, or delete the file and train again."
        )
    network.load_state_dict(state, strict=False)


def save_state(path: str | Path, network: nn.Module) -> None:
    """Write a network's state dict, whole or not at all; equal weights give equal bytes."""
    state = {key: tensor.cpu().contiguous() for key, tensor in network.state_dict().items()}
    # Given a path, torch.save writes the (temporary) file's name into the file.
    with atomic(path) as temporary, temporary.open("wb") as stream:
        torch.save(state, stream)


def weights_sha256(network: nn.Module) -> str:
    """Hash of all weights and buffers, by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
