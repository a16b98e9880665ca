"""What the malignancy networks learn from: crops or cubes of nodules that readers rated."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from nodules.base.files import UserError
from nodules.datasets import folds
from nodules.findings.rule import CLASSES, NAMES
from nodules.learning.loop import Validation
from nodules.learning.networks.forward import logits_of, nodule_logits
from nodules.learning.tasks.shared import (
    CropSettings,
    draw_montage,
    training_crop,
    validation_of,
)
from nodules.prepare.crops import CropSample, CropSize, Nodule
from nodules.prepare.nodules import gather
from nodules.prepare.stacks import Stack
from nodules.stats.logits import sigmoid
from nodules.stats.seeds import generator

STREAM = "malignancy"  # name under which random numbers are drawn, for any network

log = logging.getLogger("nodules")


def divide(
    labels: pd.DataFrame, division: pd.DataFrame, fold: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labelled nodules that a fold's networks are trained on, and those in its left-out scans.

    labels: table `malignancy_labels`; division: table `folds`. Warns if the training side lacks one
    of the classes. Raises UserError if a patient is in two of training, left-out and test scans.
    """
    training, left_out = folds.split(division, fold)
    labelled = labels[labels["label"].isin(CLASSES)]
    sides = [labelled[labelled["seriesuid"].isin(uids)] for uids in (training, left_out)]
    tested = division.loc[division["fold"] == folds.TEST_FOLD, "seriesuid"]
    patients = dict(zip(division["seriesuid"], division["patient"], strict=True))
    groups = [{patients[uid] for uid in set(s["seriesuid"])} for s in sides]
    groups.append({patients[uid] for uid in tested})
    shared = groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    if shared:
        raise UserError(
            f"Fold {fold}: nodules of patient {sorted(shared)[0]} are on two sides of the split."
            " Delete results/folds/folds.parquet and run snakemake again."
        )
    benign, malignant = (int((sides[0]["label"] == label).sum()) for label in CLASSES)
    if not benign or not malignant:
        log.warning(
            "Fold %d: the training scans have %d malignant and %d benign nodules; without both"
            " kinds the networks cannot learn to tell them apart. Use more scans or fewer folds, or"
            " another rule for the labels (malignancy.benign, malignancy.malignant).",
            *(fold, malignant, benign),
        )
    return sides[0], sides[1]


@dataclass(frozen=True)
class MalignancySettings(CropSettings):
    """Training settings of section `malignancy` of the config, with those of `crops`."""

    crops_per_nodule: int
    repeat: int  # times that each nodule is shown in an epoch
    balance: str  # sample, weight or none
    view: str = "slices"  # or cubes of px voxels along each side, for 3-D networks
    widths: tuple[int, ...] = ()  # of such a network

    @property
    def model(self) -> str:
        """Name of the network in tables, and of its folder."""
        return "malignancy" if self.view == "slices" else f"malignancy_{self.view}"

    @property
    def size(self) -> CropSize:
        """Size of a crop or cube."""
        return CropSize(self.mm, self.px, self.view)


class NoduleTask:
    """Crops through the labelled nodules of the training scans; binary cross-entropy per crop.

    Imbalanced classes: with `balance` sample both classes are shown equally often, so nodules of
    the smaller one are repeated; with `weight` all nodules are shown equally often and the classes
    have equal weight in the loss; with `none` nothing is done.
    """

    def __init__(
        self,
        training: Sequence[Stack],
        left_out: Sequence[Stack],
        settings: MalignancySettings,
        seed: int,
        fold: int,
        sides: tuple[pd.DataFrame, pd.DataFrame],
    ) -> None:
        self.training, self.left_out = training, left_out
        self.settings, self.seed = settings, seed
        self.shown = gather(training, sides[0], settings.crops_per_nodule, settings.view)
        self.validation = gather(left_out, sides[1], settings.crops_per_nodule, settings.view)
        counts = np.bincount([n.label for n in self.shown], minlength=2)
        equal = len(self.shown) / (2 * np.maximum(counts, 1))
        self.weights = [float(w) for w in (equal if settings.balance == "weight" else np.ones(2))]

    def epoch(self, epoch: int) -> list[CropSample]:
        """The crops of every nodule, `repeat` times, shuffled anew each epoch."""
        rng = generator(self.seed, "order", epoch)
        times = self.settings.repeat
        if self.settings.balance == "sample":
            classes = [[n for n in self.shown if n.label == label] for label in CLASSES]
            most = max(map(len, classes)) * times
            chosen = [n for own in classes if own for n in drawn(own, most, rng)]
        else:
            chosen = self.shown * times
        crops = [c for nodule in chosen for c in nodule.crops()]
        return [crops[i] for i in rng.permutation(len(crops))]

    def sample(
        self, key: CropSample, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Crop (3, y, x) or cube (1, z, y, x), and its nodule's label."""
        image = training_crop(self.training[key.scan], key.place, self.settings, rng)
        return image, np.float32(key.label)  # type: ignore[return-value]

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean binary cross-entropy of the crops, weighted by class."""
        benign, malignant = self.weights
        weight = malignant * targets + benign * (1 - targets)  # indexing would wait for the GPU
        logits = logits_of(network, inputs)
        return binary_cross_entropy_with_logits(logits, targets.float(), weight)

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Loss and AUC per nodule, and mean probability of malignant ones, in left-out scans."""
        if not self.validation:
            return Validation(float("nan"), float("nan"), float("nan"))
        logits = nodule_logits(network, self.left_out, self.validation, self.settings.size, device)
        return validation_of(logits, np.array([n.label for n in self.validation]))

    def draw(self, network: nn.Module, device: torch.device, path: Path) -> None:
        """Montage of left-out nodules with the network's probability; malignant ones in orange."""
        if not self.validation:
            return
        picks = np.linspace(0, len(self.validation) - 1, min(16, len(self.validation))).astype(int)
        chosen = [self.validation[i] for i in picks]
        answers = sigmoid(nodule_logits(network, self.left_out, chosen, self.settings.size, device))
        names = [f"{NAMES[n.label]} {p:.2f}" for n, p in zip(chosen, answers, strict=True)]
        middle = [n.crops()[len(n.places) // 2] for n in chosen]
        draw_montage(self.left_out, middle, names, self.settings.mm, path)


def drawn(nodules: Sequence[Nodule], wanted: int, rng: np.random.Generator) -> list[Nodule]:
    """`wanted` of some nodules, each equally often or once more."""
    whole, rest = divmod(wanted, len(nodules))
    return [*nodules] * whole + [nodules[i] for i in rng.permutation(len(nodules))[:rest]]
