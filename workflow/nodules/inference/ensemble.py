"""A model file's networks, built and ready, by role."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nodules.base.files import FileDefect, UserError
from nodules.inference import exported
from nodules.learning.networks import bundle
from nodules.learning.networks.bundle import Bundle

MOST = 4096  # allowed for any number in a network's settings
SMALL_BYTES = 1 << 28  # up to which a network is built whatever the size of its weights


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks by role, in the order of the file, and the file's manifest."""

    manifest: dict[str, Any]
    device: torch.device
    bundles: dict[str, list[Bundle]] = field(default_factory=dict)

    def networks(self, role: str) -> list[nn.Module]:
        """The networks of a role; empty if the model has none."""
        return [one.network for one in self.bundles.get(role, [])]

    def input(self, role: str) -> dict[str, Any]:
        """How input images are prepared for the networks of a role."""
        return self.bundles[role][0].input


# Exceptions that invalid settings may raise while a network is built.
UNBUILT = (
    *(UserError, KeyError, TypeError, ValueError, AssertionError, AttributeError),
    *(RuntimeError, ArithmeticError, MemoryError, IndexError),
)


def load(path: str | Path, device: torch.device) -> Ensemble:
    """Read a model file and build its networks on a device.

    Raises UserError if the file is truncated, altered or of another kind, or if its networks cannot
    be built from their descriptions.
    """
    with tempfile.TemporaryDirectory(prefix="luna16-") as folder:
        manifest = exported.read(path, Path(folder))
        made = Ensemble(manifest, device)
        for number, told in enumerate(manifest["networks"]):
            try:
                place = Path(folder, str(number), "model.json")
                _require_fitting(told["manifest"]["network"], place.with_suffix(".pt"))
                own = bundle.restore(place, device)
            except UNBUILT as error:
                said = str(error).replace(f"{folder}/{number}/", "").splitlines()[0]
                said = said.split(". ")[0].rstrip(".")[:200] or type(error).__name__
                reason = f"{told['file']} in it cannot be used ({said})"
                raise FileDefect(str(path), reason, exported.OTHER) from error
            made.bundles.setdefault(told["role"], []).append(own)
    return made


def _require_fitting(made: Mapping[str, Any], weights: Path) -> None:
    """Raise UserError if a network would be larger than its weights.

    Otherwise a manifest alone could demand a network of any size.
    """
    if any(number > MOST for number in _numbers(made["settings"])):
        raise UserError(f"a number of its settings is above {MOST}")
    with torch.device("meta"):  # shapes only, no memory
        network = bundle.architecture(made["name"]).build(made["settings"], 0)
    size = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    if size > max(weights.stat().st_size, SMALL_BYTES):
        raise UserError("its settings are those of a larger network than its weights")


def _numbers(value: Any) -> Iterator[float]:
    """All numbers in nested lists and dictionaries."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _numbers(inner)
    elif isinstance(value, int | float):
        yield value
