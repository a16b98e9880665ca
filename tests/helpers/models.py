"""Small exported models: U-Nets that find what is bright, and ResNet50s with random weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from helpers import chest
from nodules.base import tables
from nodules.images.geometry import Geometry
from nodules.inference import exported, exporting
from nodules.learning.networks import bundle, resnet
from nodules.learning.networks.unet import UNet

SHAPE = {"filters": 2, "depth": 2, "context": 1}
SLICES = {"size": 96, "window": [-1000, 400], "margin_mm": 6.0, "isolate": True, "fill": 0}
CANDIDATES = {"pixel_threshold": 0.5, "min_diameter_mm": 3.0, "max_per_scan": 12}
CROPS = {"mm": 32, "px": 32}
CPU = torch.device("cpu")


def bright_unet(
    steepness: float = 12.0, from_grey: float = 0.5, shape: Mapping[str, int] = SHAPE
) -> UNet:
    """A U-Net whose answer is sigmoid(steepness * (grey - from_grey)) of each pixel itself."""
    network = UNet(**shape).eval()
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not name.endswith("running_var"):
            tensor.zero_()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    with torch.no_grad():
        # The slice itself, of its neighbours; then what it has become, on the uppermost level.
        for block, channel in ((network.down[0], shape["context"]), (network.merge[-1], 0)):
            block[0].weight[0, channel, 1, 1] = 1
            block[3].weight[0, 0, 1, 1] = 1
        network.last.weight[0, 0] = steepness
        network.last.bias[0] = -steepness * from_grey
    return network


def make_model(
    folder: Path,
    roles: Sequence[str] = ("unet",),
    threshold: float | None = 0.5,
    temperature: float | None = 2.0,
    presence: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Path:
    """A model file of two U-Nets and one network of each further role.

    presence: what the presence network is shown, where that is not CROPS.
    """
    models = [_bundle(folder, "unet", bright_unet(s), SHAPE, k) for k, s in enumerate((12.0, 9.0))]
    for role in roles[1:]:
        network = resnet.build({}, seed=len(role)).eval()
        crops = presence if presence and role == "presence" else CROPS
        models.append(_bundle(folder, role, network, {}, 0, crops=crops))
    return _packed(folder, models, CANDIDATES | settings, threshold, temperature)


def _packed(
    folder: Path,
    models: Sequence[Path],
    candidates: Mapping[str, Any],
    threshold: float | None = 0.5,
    temperature: float | None = 2.0,
) -> Path:
    """A model file of some bundles."""
    system = exporting.on_slices("unet")
    networks = exporting.networks_of(models, system)
    fitted = {"threshold": {"test": threshold}, "temperature": {"test": temperature}}
    manifest = exporting.manifest(
        "small",
        networks,
        {"candidates": dict(candidates), "vote": "average"},
        fitted | {"rule": "given", "n_validation": 0},
        metrics(),
        {"version": "0.1.0", "data": {"source": "drawn"}, "made_with": {"commit": "none"}},
        system,
        froc=froc(),
    )
    weights = {n["file"]: m.with_suffix(".pt") for n, m in zip(networks, models, strict=True)}
    exported.write(folder / "small.luna16", manifest, weights)
    return folder / "small.luna16"


def _bundle(
    folder: Path,
    role: str,
    network: nn.Module,
    shape: Mapping[str, int],
    fold: int,
    slices: Mapping[str, Any] = SLICES,
    crops: Mapping[str, Any] = CROPS,
) -> Path:
    """A network as a training writes it; returns its manifest's path."""
    own: dict[str, Any] = {"context": 1} if role == "unet" else {"crops": crops}
    if role == "malignancy":
        own["crops_per_nodule"] = 3
    home = folder / "models" / role / f"fold_{fold}"
    home.mkdir(parents=True)
    name = "unet" if role == "unet" else "resnet"
    told = {
        "model": role,
        "network": {"name": name, "settings": shape},
        "input": {"lungs": "volume", "slices": slices} | own,
        "output": "probability of each pixel" if role == "unet" else "logit",
        "trained_on": {"fold": fold, "member": 0},
    }
    bundle.save(home / "model.pt", network, told)
    return home / "model.json"


VOLUMES = {"spacing_mm": 4.0, "window": [-1000, 400], "margin_mm": 6.0}
WINDOWS = {"window": 48, "centre_threshold": 0.0005, "max_per_scan": 12}
STAGES = (0.7, 0.4, -0.2)
CUBE = 16
IN_3D: Sequence[tuple[str, str, dict[str, int]]] = (
    ("unet3d", "unet3d", {}),
    ("reduction", "reducer3d", {"cube": CUBE}),
)


def make_model_3d(folder: Path, lungs: str = "volume", more: Sequence[Path] = ()) -> Path:
    """A model file of two 3-D U-Nets and two second networks with random weights, and of more."""
    models = []
    for fold in (0, 1):
        for role, name, fed in IN_3D:
            settings = {"widths": [4, 6]}
            network = bundle.architecture(name).build(settings, seed=fold + 3).eval()
            told = {
                "model": role,
                "network": {"name": name, "settings": settings},
                "input": {"lungs": lungs, "volumes": VOLUMES} | fed,
                "output": "logit",
                "trained_on": {"fold": fold, "member": 0},
            }
            models.append(_saved(folder, role, network, told, fold))
    system = exporting.IN_3D
    networks = exporting.networks_of([*models, *more], system)
    manifest = exporting.manifest(
        "small_3d",
        networks,
        {"windows": WINDOWS, "stages": dict(zip(exporting.STAGES, STAGES, strict=True))},
        {"threshold": {"test": 0.4}, "temperature": {"test": 1.0}, "rule": "", "n_validation": 0},
        metrics(),
        {"version": "0.1.0", "data": {"source": "drawn"}, "made_with": {"commit": "none"}},
        system,
    )
    files = [m.with_suffix(".pt") for m in [*models, *more]]
    weights = {n["file"]: m for n, m in zip(networks, files, strict=True)}
    exported.write(folder / "small_3d.luna16", manifest, weights)
    return folder / "small_3d.luna16"


def lung_unets(folder: Path, px: int = 64) -> list[Path]:
    """Two lung networks as a training writes them, which take what is dark for lung."""
    made = []
    for fold, steepness in enumerate((-20.0, -14.0)):
        told = {
            "model": "lungs",
            "network": {"name": "unet", "settings": SHAPE | {"context": 0}},
            "input": {"context": 0, "px": px},
            "output": "probability of lung in each pixel",
            "trained_on": {"fold": fold, "member": 0},
        }
        network = bright_unet(steepness, 0.25, SHAPE | {"context": 0})
        made.append(_saved(folder, "lungs", network, told, fold))
    return made


def _saved(folder: Path, role: str, network: nn.Module, told: Mapping[str, Any], fold: int) -> Path:
    """A network's two files, as a training writes them; returns its manifest's path."""
    home = folder / "models" / role / f"fold_{fold}"
    home.mkdir(parents=True)
    bundle.save(home / "model.pt", network, dict(told))
    return home / "model.json"


def of_default_shape(folder: Path) -> Path:
    """A model of two folds shaped as the default config's, random but for what finds brightness.

    What it costs is what a trained one costs: for benchmarks.
    """
    shape = {"filters": 16, "depth": 4, "context": 1}
    slices = {"size": 256, "window": [-1000, 400], "margin_mm": 10, "isolate": True, "fill": 170}
    candidates = {"pixel_threshold": 0.5, "min_diameter_mm": 3.0, "max_per_scan": 50}
    fed = {"slices": slices, "crops": {"mm": 32, "px": 64}}
    made = [
        _bundle(folder, "unet", bright_unet(shape=shape), shape, fold, **fed) for fold in (0, 1)
    ]
    for role in ("presence", "malignancy"):
        networks = [resnet.build({}, seed=fold) for fold in (0, 1)]
        made += [_bundle(folder, role, n, {}, fold, **fed) for fold, n in enumerate(networks)]
    return _packed(folder, made, candidates)


def metrics() -> Any:
    """Table `metrics` with one score of a held-out test."""
    row = dict.fromkeys(tables.columns("metrics"), "")
    row |= {"measure": "cpm", "system": "unet_resnet", "set": "test", "unit": "scans"}
    row |= {"value": 0.5, "low": 0.25, "high": 0.75, "n": 4}
    return tables.frame("metrics", [row])


def froc() -> Any:
    """Table `froc` of one system: two corners, and the start, which has no threshold."""
    corners = [(0.0, 0.0, np.nan), (2.0, 0.9, 0.2), (0.5, 0.6, 0.7)]
    row = {"system": "unet_resnet", "set": "out_of_fold", "point": "corner"}
    row |= {"low": np.nan, "high": np.nan}
    rows = [
        row | {"fp_per_scan": alarms, "sensitivity": found, "threshold": threshold}
        for alarms, found, threshold in corners
    ]
    return tables.frame("froc", rows)


def scan(nodules: Sequence[Sequence[float]] = chest.NODULES) -> tuple[np.ndarray, Geometry]:
    """A drawn chest with bright nodules in its lungs, int16 HU, and its grid."""
    voxels = chest.chest()
    if nodules:
        voxels[chest.labels(nodules) > 0] = 40
    origin = [-(n - 1) / 2 * chest.SPACING for n in voxels.shape[::-1]]
    return voxels, Geometry.build(origin, [chest.SPACING] * 3, np.eye(3), voxels.shape)
