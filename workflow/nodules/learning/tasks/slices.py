"""What the U-Net learns from: slices with and without nodules, and their masks."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from nodules.base.files import UserError
from nodules.learning.loop import Validation
from nodules.learning.networks.forward import slice_logits
from nodules.learning.state import TrainingSettings
from nodules.learning.tasks.shared import (
    EMPTY_ALONE,
    WITHOUT_NODULES,
    overlay,
    pixel_validation,
    write_tiles,
)
from nodules.prepare.stacks import Stack
from nodules.stats.seeds import generator

# The left-out loss decides nothing, so a fixed draw of this many slices is enough.
VALIDATION_SLICES = 64
PICTURES = 8
Label = TypeVar("Label", bound=np.generic)

log = logging.getLogger("nodules")


@dataclass(frozen=True)
class SliceTaskSettings(TrainingSettings):
    """How slices are chosen and shown to a network on whole slices or patches."""

    context: int  # neighbouring slices on each side
    patch: int  # pixels along a side of the part shown; 0: the whole slice
    empty_slices: float  # slices without a nodule for each with one
    repeat: int  # times that each slice with a nodule is shown in an epoch
    augment: bool


@dataclass(frozen=True)
class UNetSettings(SliceTaskSettings):
    """Section `unet` of the config."""

    filters: int
    depth: int


class Slice(NamedTuple):
    """A slice: index of its scan in the list of scans, and its own index."""

    scan: int
    z: int


class SliceTask:
    """Slices of the training scans, drawn anew each epoch; binary cross-entropy per pixel."""

    def __init__(
        self,
        training: Sequence[Stack],
        left_out: Sequence[Stack],
        settings: SliceTaskSettings,
        seed: int,
        fold: int,
    ) -> None:
        self.training, self.settings, self.seed, self.fold = training, settings, seed, fold
        self.positive, self.empty = slices_of(training)
        if not self.positive and not self.empty:
            raise UserError(
                f"Fold {fold}: the {len(training)} training scans have neither a nodule nor a slice"
                " with lung. Use fewer folds or more scans (folds.n, phantom.scans)."
            )
        if not self.positive:
            log.warning(WITHOUT_NODULES, fold, len(training))
        positive, empty = slices_of(left_out)
        rng = generator(seed, "unet", fold, "validation")
        draw = rng.permutation(len(empty))[: max(len(positive), 1)]
        chosen = [*positive, *(empty[i] for i in draw)]
        keep = rng.permutation(len(chosen))[:VALIDATION_SLICES]
        self.validation = [(left_out[chosen[i].scan], chosen[i].z) for i in sorted(keep)]

    def epoch(self, epoch: int) -> list[Slice]:
        """Every slice with a nodule, `repeat` times, and a fresh draw of slices without."""
        rng = generator(self.seed, "unet", self.fold, "order", epoch)
        positive = self.positive * self.settings.repeat
        wanted = round(len(positive) * self.settings.empty_slices) if positive else EMPTY_ALONE
        draw = rng.permutation(len(self.empty))[:wanted]
        chosen = positive + [self.empty[i] for i in draw]
        return [chosen[i] for i in rng.permutation(len(chosen))]

    def sample(
        self, key: Slice, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Slice with its neighbours (channels, y, x) and its mask (1, y, x), 0 or 1.

        If `patch` is set, a square part of it, which contains a nodule pixel if there is any.
        """
        image, labels = self.view(key, rng)
        return image, (labels > 0).astype(np.uint8)

    def view(
        self, key: Slice, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        """Like `sample`, with nodule numbers (1, y, x) in place of the mask."""
        stack = self.training[key.scan]
        image = stack.window(key.z, self.settings.context)
        labels = stack.labels(key.z)[None]
        if self.settings.patch:
            part = patch_of(labels[0], self.settings.patch, rng)
            image, labels = image[:, *part], labels[:, *part]
        return augmented(image, labels, rng) if self.settings.augment else (image, labels)

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean binary cross-entropy of the pixels."""
        return binary_cross_entropy_with_logits(network(inputs), targets.float())

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Loss, pixel Dice at 0.5 and mean probability in nodules, on left-out slices."""
        return pixel_validation(network, self.validation, self.settings.context, device)

    def answer(
        self, network: nn.Module, stack: Stack, z: int, device: torch.device
    ) -> NDArray[np.bool_]:
        """Pixels (y, x) of a slice with a nodule probability above 0.5."""
        logits = slice_logits(network, stack, [z], self.settings.context, device)[0]
        return (logits > 0).cpu().numpy()

    def draw(self, network: nn.Module, device: torch.device, path: Path) -> None:
        """Montage of left-out slices: outline of the truth orange, of the prediction sky blue."""
        chosen = [(s, z) for s, z in self.validation if z in s.nodule_slices] or self.validation
        if not chosen:
            return
        tiles = []
        for i in np.linspace(0, len(chosen) - 1, min(PICTURES, len(chosen))).astype(int):
            stack, z = chosen[i]
            predicted = self.answer(network, stack, z, device)
            tiles.append(overlay(stack.array[z], stack.labels(z) > 0, predicted))
        write_tiles(path, tiles, 4)


def slices_of(stacks: Sequence[Stack]) -> tuple[list[Slice], list[Slice]]:
    """Slices with a nodule, and slices with lung but no nodule."""
    positive = [Slice(i, int(z)) for i, s in enumerate(stacks) for z in s.nodule_slices]
    empty = [Slice(i, int(z)) for i, s in enumerate(stacks) for z in s.empty_slices]
    return positive, empty


def patch_of(mask: NDArray[Any], side: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a random square, around a random nodule pixel if there is any."""
    highest = np.maximum(np.array(mask.shape) - side, 0)
    pixels = np.argwhere(mask)
    if len(pixels):
        # The pixel lies in the square's middle half unless the slice's edge is in the way.
        corner = pixels[rng.integers(len(pixels))] - rng.integers(side // 4, 3 * side // 4 + 1, 2)
    else:
        corner = rng.integers(0, highest + 1)
    y, x = np.clip(corner, 0, highest)
    return slice(int(y), int(y) + side), slice(int(x), int(x) + side)


def augmented(
    image: NDArray[np.uint8], mask: NDArray[Label], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[Label]]:
    """Random mirroring, transposition, and change of contrast and brightness."""
    flips = tuple(axis for axis in (1, 2) if rng.integers(2))
    image, mask = np.flip(image, flips), np.flip(mask, flips)
    if rng.integers(2):
        image, mask = image.transpose(0, 2, 1), mask.transpose(0, 2, 1)
    contrast, brightness = rng.uniform(0.9, 1.1), rng.uniform(-12, 12)
    grey = np.arange(256, dtype=np.float32)
    lookup = np.clip(np.rint((grey - 128) * contrast + 128 + brightness), 0, 255)
    return lookup.astype(np.uint8)[image], np.ascontiguousarray(mask)
