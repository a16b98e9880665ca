"""A trained network on disk: its weights, and a manifest that says how to build and feed it.

`model.json` is the manifest, readable by people and programs. `model.pt` beside it is a plain state
dict of tensors, named in the manifest with its hash. A network is always built from these two files
alone, never from a run's config; nothing in them is ever executed.
"""

import importlib
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from nodules.base.files import UserError, read_json, sha256, write_json
from nodules.learning.machine import placed
from nodules.learning.networks.weights import apply_state, load_state, save_state, weights_sha256

FORMAT = 1
NEEDED = ("format", "model", "network", "input", "output", "trained_on", "weights")
REMEDY = "Delete the file and the weights beside it, and run snakemake again."
INTENDED_USE = (
    "Research on scans such as those that it was trained on. Not a medical device: not for"
    " diagnosis, treatment or any decision about a patient."
)
LICENCE = (
    "Code: MIT. Weights: as the scans that they were trained on allow; LUNA16's scans are of"
    " LIDC-IDRI, Creative Commons Attribution 3.0, and the phantom is free of any claim."
)


class Bundle(NamedTuple):
    """A network ready for inference, and its manifest."""

    network: nn.Module
    manifest: dict[str, Any]

    @property
    def input(self) -> dict[str, Any]:
        """How the network's input images are prepared."""
        return self.manifest["input"]


def architecture(name: str) -> ModuleType:
    """The module of `learning/networks` that builds networks of this name.

    It has SHAPE, the settings that define the architecture, and `build(settings, seed, weights,
    key)`. Raises UserError if there is no such module.
    """
    offered = sorted(architectures())
    if name not in offered:
        raise UserError(f"network '{name}': not one of {', '.join(offered)}.")
    return importlib.import_module(f"nodules.learning.networks.{name}")


def architectures() -> dict[str, Path]:
    """Files of `learning/networks` that build networks, by name."""
    files = Path(__file__).parent.glob("*.py")
    return {path.stem: path for path in files if re.search(r"(?m)^def build\(", path.read_text())}


def shape_of(name: str, settings: Any) -> dict[str, Any]:
    """The part of the settings (a dataclass) that defines a network's architecture."""
    return {key: getattr(settings, key) for key in architecture(name).SHAPE}


def save(path: str | Path, network: nn.Module, manifest: dict[str, Any]) -> None:
    """Write weights (`path`, a .pt file), then the manifest beside them, each atomically.

    manifest: model, network {name, settings}, input, output, trained_on, made_with.
    """
    weights = Path(path)
    save_state(weights, network)
    told = {
        "file": weights.name,
        "sha256": sha256(weights),
        "tensors_sha256": weights_sha256(network),
    }
    texts = {"intended_use": INTENDED_USE, "licence": LICENCE}
    write_json(
        weights.with_suffix(".json"), {"format": FORMAT} | manifest | texts | {"weights": told}
    )


def read_manifest(path: str | Path) -> dict[str, Any]:
    """The manifest of a bundle; UserError if the file is anything else."""
    try:
        manifest = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as a manifest ({error}). {REMEDY}") from error
    missing = [key for key in NEEDED if not isinstance(manifest, dict) or key not in manifest]
    if missing:
        raise UserError(
            f"{path}: no manifest of a network: it lacks {', '.join(missing)}. {REMEDY}"
        )
    if manifest["format"] != FORMAT:
        raise UserError(
            f"{path}: of format {json.dumps(manifest['format'])}, but this version reads {FORMAT}."
            f" {REMEDY}"
        )
    return manifest


def restore(path: str | Path, device: torch.device) -> Bundle:
    """The network that a manifest describes, with its weights, in eval mode on the device.

    Raises UserError if the weights are missing, were changed or belong to another network.
    """
    manifest = read_manifest(path)
    weights = Path(path).with_name(manifest["weights"]["file"])
    if not weights.is_file():
        raise UserError(f"{weights}: is missing, but {path} names it. {REMEDY}")
    if sha256(weights) != manifest["weights"]["sha256"]:
        raise UserError(f"{weights}: is not the file that {path} was written with. {REMEDY}")
    made = manifest["network"]
    network = architecture(made["name"]).build(made["settings"], 0)
    apply_state(network, load_state(weights), weights)
    return Bundle(placed(network, device).eval(), manifest)
