"""What the presence ResNet50 learns from: crops with and without a nodule."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from nodules.base import tables
from nodules.base.files import UserError
from nodules.findings.matches import false_alarms, with_matches
from nodules.images.regions import select
from nodules.learning.loop import Validation
from nodules.learning.networks.forward import crop_logits, logits_of
from nodules.learning.tasks.shared import (
    EMPTY_ALONE,
    WITHOUT_NODULES,
    CropSettings,
    draw_montage,
    training_crop,
    validation_of,
)
from nodules.prepare.crops import SLICES_PER_CANDIDATE, CropSample, CropSize, Place, place_at
from nodules.prepare.stacks import Stack
from nodules.prepare.views import at, through
from nodules.stats.logits import sigmoid
from nodules.stats.seeds import generator

VALIDATION_CROPS = 256
STREAM = "resnet"  # name under which random numbers are drawn; old, to keep results

log = logging.getLogger("nodules")


def positives(scan: int, stack: Stack, masks: pd.DataFrame, size: CropSize) -> Iterator[CropSample]:
    """Crops through the scan's reference nodules: on all slices of their masks, or on planes."""
    own = select(masks, stack.kind, "slices")
    for _, rows in own.groupby("region"):
        for place in through(rows, len(rows), size):
            yield CropSample(scan, place, 1)


def alarms(
    scan: int, candidates: pd.DataFrame, masks: pd.DataFrame, size: CropSize
) -> Iterator[CropSample]:
    """Crops through the U-Net's candidates that hit neither a nodule nor an excluded finding."""
    wrong = false_alarms(candidates)
    for _, rows in masks[masks["region"].isin(wrong["candidate"])].groupby("region"):
        for place in through(rows, SLICES_PER_CANDIDATE, size):
            yield CropSample(scan, place, 0)


def peaks(scan: int, slices: pd.DataFrame, stack: Stack, size: CropSize) -> Iterator[CropSample]:
    """Crops at the U-Net's highest probability on each slice with lung but no nodule."""
    chosen = slices[slices["slice"].isin(stack.empty_slices)]
    for row in chosen.itertuples():
        place = Place(int(row.slice), float(row.peak_y), float(row.peak_x))
        yield from (CropSample(scan, shown, 0) for shown in at(place, size))


def listed(
    scan: int, stack: Stack, locations: pd.DataFrame, size: CropSize
) -> Iterator[CropSample]:
    """Crops at LUNA16's own false-positive candidates (candidates_V2, label 0)."""
    for row in locations[locations["label"] == 0].itertuples():
        place = place_at(stack.geometry, (row.x, row.y, row.z))
        if place is not None:
            yield from (CropSample(scan, shown, 0) for shown in at(place, size))


class Sources(NamedTuple):
    """Tables that crops are drawn from.

    Candidates with what they hit (columns `nodule` and `excluded`), their regions, the most
    probable pixel of each slice, and LUNA16's list of locations.
    """

    candidates: pd.DataFrame
    regions: pd.DataFrame
    peaks: pd.DataFrame
    locations: pd.DataFrame

    @classmethod
    def read(cls, inputs: Any) -> Self:
        """The tables from a rule's inputs candidates, matches, regions, peaks and locations."""
        found = tables.read_all(inputs.candidates, "candidates")
        return cls(
            with_matches(found, tables.read_all(inputs.matches, "matches")),
            tables.read_all(inputs.regions, "regions"),
            tables.read_all(inputs.peaks, "slice_peaks"),
            tables.read(inputs.locations, "locations"),
        )


def gather(
    stacks: Sequence[Stack], sources: Sources, size: CropSize
) -> tuple[list[CropSample], list[list[CropSample]]]:
    """Nodule crops of a set of scans, and their crops without a nodule, one list per kind.

    The kinds are false positives, peaks and listed locations; kinds without any crop are omitted.
    """
    shown: list[CropSample] = []
    kinds: list[list[CropSample]] = [[], [], []]
    by_scan = [dict(list(table.groupby("seriesuid"))) for table in sources]
    for i, stack in enumerate(stacks):
        candidates, masks, strongest, locations = (
            groups.get(stack.uid, table.iloc[:0])
            for groups, table in zip(by_scan, sources, strict=True)
        )
        shown += positives(i, stack, stack.masks, size)
        kinds[0] += alarms(i, candidates, masks, size)
        kinds[1] += peaks(i, strongest, stack, size)
        kinds[2] += listed(i, stack, locations, size)
    return shown, [kind for kind in kinds if kind]


@dataclass(frozen=True)
class PresenceSettings(CropSettings):
    """Section `presence` of the config, with the settings of `crops`."""

    negatives: float  # crops without a nodule for each with one
    view: str  # how the crops are cut: slices or planes
    planes: int  # number of planes through each place; 0 for slices

    @property
    def size(self) -> CropSize:
        """Size of a crop, and how it is cut."""
        return CropSize(self.mm, self.px, self.view, self.planes)


class CropTask:
    """Crops of the training scans, drawn anew each epoch; binary cross-entropy per crop."""

    def __init__(
        self,
        training: Sequence[Stack],
        left_out: Sequence[Stack],
        settings: PresenceSettings,
        seed: int,
        fold: int,
        sources: Sources,
    ) -> None:
        self.training, self.left_out = training, left_out
        self.settings, self.seed, self.fold = settings, seed, fold
        self.positive, self.negative = gather(training, sources, settings.size)
        if not self.negative:
            raise UserError(
                f"Fold {fold}: the {len(training)} training scans give no crops without a nodule."
                " Use fewer folds or more scans (folds.n, phantom.scans)."
            )
        if not self.positive:
            log.warning(WITHOUT_NODULES, fold, len(training))
        positive, negative = gather(left_out, sources, settings.size)
        rng = generator(seed, STREAM, fold, "validation")
        chosen = positive + draw(negative, len(positive), rng)
        keep = rng.permutation(len(chosen))[:VALIDATION_CROPS]
        self.validation = [chosen[i] for i in sorted(keep)]

    def epoch(self, epoch: int) -> list[CropSample]:
        """Every nodule crop, and a fresh draw of `negatives` times as many without a nodule."""
        rng = generator(self.seed, STREAM, self.fold, "order", epoch)
        wanted = round(len(self.positive) * self.settings.negatives)
        wanted = wanted if self.positive else EMPTY_ALONE
        chosen = self.positive + draw(self.negative, wanted, rng)
        return [chosen[i] for i in rng.permutation(len(chosen))]

    def sample(
        self, key: CropSample, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Crop (3, y, x) and its label."""
        image = training_crop(self.training[key.scan], key.place, self.settings, rng)
        return image, np.float32(key.label)  # type: ignore[return-value]

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean binary cross-entropy of the crops."""
        return binary_cross_entropy_with_logits(logits_of(network, inputs), targets.float())

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Loss, AUC and mean probability of nodules, on left-out crops."""
        if not self.validation:
            return Validation(float("nan"), float("nan"), float("nan"))
        logits = crop_logits([network], self.left_out, self.validation, self.settings.size, device)
        return validation_of(logits, np.array([c.label for c in self.validation]))

    def draw(self, network: nn.Module, device: torch.device, path: Path) -> None:
        """Montage of left-out crops with the network's probability."""
        if not self.validation:
            return
        picks = np.linspace(0, len(self.validation) - 1, min(16, len(self.validation))).astype(int)
        chosen = [self.validation[i] for i in picks]
        logits = crop_logits([network], self.left_out, chosen, self.settings.size, device)
        names = [
            f"{'nodule' if c.label else 'none'} {p:.2f}"
            for c, p in zip(chosen, sigmoid(logits), strict=True)
        ]
        draw_montage(self.left_out, chosen, names, self.settings.mm, path)


def draw(
    kinds: Sequence[Sequence[CropSample]], wanted: int, rng: np.random.Generator
) -> list[CropSample]:
    """Random draw of `wanted` crops without a nodule, in equal shares per kind where possible."""
    chosen: list[CropSample] = []
    for place, kind in enumerate(sorted(kinds, key=len)):
        share = (wanted - len(chosen)) // (len(kinds) - place)
        chosen += [kind[i] for i in rng.permutation(len(kind))[:share]]
    return chosen
