"""Weights of networks: reading, checking, atomic writing, hashing, download of ImageNet's."""

import hashlib
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import torch
from torch import Tensor, nn

from nodules.base.files import UserError, atomic, sha256

# Allowed types of tensors; none of our weights is complex, quantised or an 8-bit float.
NUMBERS = {torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool, torch.uint8}
NUMBERS |= {torch.int8, torch.int16, torch.int32, torch.int64}
NOT_PLAIN = "are sparse, quantised, complex or without content of their own"
NOT_FINITE = "hold numbers that are not finite"
BELOW = "hold a variance below 0"
# torchvision's ResNet50_Weights.IMAGENET1K_V2; the file's name contains the hash's first digits.
IMAGENET_URL = "https://download.pytorch.org/models/resnet50-11ad3fa6.pth"
IMAGENET_SHA256 = "11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca"


def load_state(path: str | Path, key: str = "") -> dict[str, Tensor]:
    """Read a state dict of plain, finite tensors; nothing but tensors is unpickled.

    key: of the config, if it names the file; otherwise the file is a result of the workflow. Raises
    UserError for any other content.
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
    # In this order: tensors that are not plain cannot be compared.
    for defective, what in ((_not_plain, NOT_PLAIN), (_not_finite, NOT_FINITE), (_below_0, BELOW)):
        bad = [name for name, tensor in state.items() if defective(name, tensor)]
        if bad:
            raise UserError(f"{path}: {len(bad)} tensors, such as {bad[0]}, {what}. {remedy}")
    return state


def _not_plain(_: str, tensor: Tensor) -> bool:
    plain = tensor.layout == torch.strided and not tensor.is_meta and tensor.dtype in NUMBERS
    # An expanded tensor repeats one stored number, and would fill any memory once it is used.
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
    """Load a state dict into a network; UserError if it belongs to another architecture.

    allowed_missing: tensors that the state dict need not have. key: as for `load_state`.
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
    """Write a network's state dict, atomically; equal weights give equal bytes."""
    state = {key: tensor.cpu().contiguous() for key, tensor in network.state_dict().items()}
    # Given a path, torch.save would write the temporary file's name into the file.
    with atomic(path) as temporary, temporary.open("wb") as stream:
        torch.save(state, stream)


def weights_sha256(network: nn.Module) -> str:
    """SHA-256 of all weights and buffers with their names, in order of name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def fetch(path: str | Path, url: str = IMAGENET_URL, digest: str = IMAGENET_SHA256) -> None:
    """Download weights to `path`, atomically; UserError if offline or the file is damaged."""
    with atomic(path) as temporary:
        try:
            with urllib.request.urlopen(url, timeout=60) as source, temporary.open("wb") as target:
                shutil.copyfileobj(source, target)
        except (urllib.error.URLError, OSError) as error:
            raise UserError(
                f"{url}: cannot be downloaded ({error}). On a machine without network, download"
                f" it elsewhere, put it at {path} or name its path in the config"
                " (presence.weights: /path/to/resnet50-11ad3fa6.pth, and so malignancy.weights and"
                " maskrcnn.weights where these are imagenet), or start from nothing"
                " (presence.weights: random, and so on)."
            ) from error
        check(temporary, digest, url)


def check(path: str | Path, digest: str, source: str) -> None:
    """Raise UserError unless the file's SHA-256 is `digest`."""
    found = sha256(path)
    if found != digest:
        raise UserError(
            f"{source}: the file's SHA-256 is {found}, expected {digest}: the download"
            " was cut short or changed on its way. Try again, or download it by hand."
        )
