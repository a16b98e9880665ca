"""A model file's networks, built and ready, by what each of them decides."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nodules.base.files import FileDefect, UserError
from nodules.inference import exported
from nodules.learning.networks import bundle
from nodules.learning.networks.bundle import Bundle


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks by role, in the order of the file, and the file's manifest."""

    manifest: dict[str, Any]
    device: torch.device
    bundles: dict[str, list[Bundle]] = field(default_factory=dict)

    def networks(self, role: str) -> list[nn.Module]:
        """The networks of a role; none where the model has no such."""
        return [one.network for one in self.bundles.get(role, [])]

    def input(self, role: str) -> dict[str, Any]:
        """How images are prepared for the networks of a role."""
        return self.bundles[role][0].input


def load(path: str | Path, device: torch.device) -> Ensemble:
    """Read a model file and build its networks on a device.

    Raises UserError where it is cut short, altered or of another kind, or its networks cannot be
    built as they are described.
    """
    with tempfile.TemporaryDirectory(prefix="luna16-") as folder:
        manifest = exported.read(path, Path(folder))
        made = Ensemble(manifest, device)
        for number, told in enumerate(manifest["networks"]):
            try:
                own = bundle.restore(Path(folder, str(number), "model.json"), device)
            except (UserError, KeyError, TypeError, ValueError, AssertionError) as error:
                said = str(error).replace(f"{folder}/", "").split(". ")[0]
                reason = f"{told['file']} in it cannot be used ({said})"
                raise FileDefect(str(path), reason, exported.OTHER) from error
            made.bundles.setdefault(told["role"], []).append(own)
    return made
