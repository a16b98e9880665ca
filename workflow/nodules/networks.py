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
# What a state dict may hold: other types (complex, quantised, of 8 bits) are no weights of ours.
NUMBERS = {torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool, torch.uint8}
NUMBERS |= {torch.int8, torch.int16, torch.int32, torch.int64}


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
        state = load_state(weights, "resnet.weights")
        if state.get("fc.weight", torch.empty(0)).shape != network.fc.weight.shape:
            state = {key: value for key, value in state.items() if not key.startswith("fc.")}
        apply_state(network, state, weights, {"fc.weight", "fc.bias"}, "resnet.weights")
    return network


def load_state(path: str | Path, key: str = "") -> dict[str, Tensor]:
    """Read a state dict of plain, finite tensors; only tensors are ever unpickled.

    key: of the config, where that names the file; else it is a result of the workflow.
    """
    remedy = _remedy(key) if key else "Delete the file and run snakemake again."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for a broken or hostile file
        raise UserError(
            f"{path}: cannot be read as a state dict of tensors"
            f" ({str(error)[:120] or type(error).__name__}). {remedy}"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise UserError(
            f"{path}: holds something other than a state dict of tensors. Save"
            f" network.state_dict(), not the network. {remedy}"
        )
    # In this order: what is not plain cannot be compared with anything.
    for defective, what in ((_not_plain, NOT_PLAIN), (_not_finite, NOT_FINITE), (_below_0, BELOW)):
        bad = [name for name, tensor in state.items() if defective(name, tensor)]
        if bad:
            raise UserError(f"{path}: {len(bad)} tensors, such as {bad[0]}, {what}. {remedy}")
    return state


NOT_PLAIN = "are sparse, quantised, complex or without content of their own"
NOT_FINITE = "hold numbers that are not finite"
BELOW = "hold a variance below 0"


def _not_plain(_: str, tensor: Tensor) -> bool:
    plain = tensor.layout == torch.strided and not tensor.is_meta and tensor.dtype in NUMBERS
    # A tensor may show one stored number many times, and so fill any memory once it is used.
    return not plain or tensor.nbytes > tensor.untyped_storage().nbytes()


def _not_finite(_: str, tensor: Tensor) -> bool:
    return tensor.is_floating_point() and not tensor.float().isfinite().all()


def _below_0(name: str, tensor: Tensor) -> bool:
    return name.endswith("running_var") and bool((tensor < 0).any())


def _remedy(key: str) -> str:
    return f"Name another file in {key} of the config, or set it to random."


def apply_state(
    network: nn.Module,
    state: dict[str, Tensor],
    path: str | Path,
    allowed_missing: set[str] = frozenset(),  # type: ignore[assignment]
    key: str = "",
) -> None:
    """Put a state dict into a network; UserError where it belongs to another architecture.

    key: as for `load_state`.
    """
    own = network.state_dict()
    missing = set(own) - set(state) - allowed_missing
    unknown = set(state) - set(own)
    both = set(own) & set(state)
    shapes = {name for name in both if own[name].shape != state[name].shape}
    kinds = {n for n in both if own[n].is_floating_point() != state[n].is_floating_point()}
    if missing or unknown or shapes or kinds:
        retrain = "Check the width and depth in the config, or delete the file and train again."
        raise UserError(
            f"{path}: weights of another network: {len(missing)} tensors missing,"
            f" {len(unknown)} unknown, {len(shapes)} of another shape, {len(kinds)} of whole"
            f" numbers for fractions or the reverse, such as"
            f" {min(missing | unknown | shapes | kinds)}. {_remedy(key) if key else retrain}"
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
