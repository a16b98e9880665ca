"""What the lung U-Net learns from: whole coarse slices, and the lung masks given with the scans."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from nodules.base.files import UserError
from nodules.learning.loop import Validation
from nodules.learning.networks.forward import slice_logits
from nodules.learning.state import TrainingSettings
from nodules.learning.tasks.shared import overlay, pixel_validation, write_tiles
from nodules.prepare.stacks import Stack
from nodules.stats.seeds import generator

VALIDATION_SLICES = 64
PICTURES = 8
# Augmentation, at most: rotation in degrees, scaling and shift as shares.
TURN, SCALE, SHIFT = 10.0, 0.15, 0.08

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class LungSettings(TrainingSettings):
    """Section `lungs.unet` of the config, without `px`, which the stored slices already have."""

    filters: int
    depth: int
    context: int
    slices: int  # in an epoch, over all training scans
    augment: bool


class Slice(NamedTuple):
    """A slice: index of its scan in the list of scans, and its own index."""

    scan: int
    z: int


class LungTask:
    """Slices of the training scans that have a mask, drawn anew each epoch."""

    def __init__(
        self,
        training: Sequence[Stack],
        left_out: Sequence[Stack],
        settings: LungSettings,
        seed: int,
        fold: int,
    ) -> None:
        self.training, self.settings, self.seed, self.fold = training, settings, seed, fold
        self.slices = slices_of(training)
        if not self.slices:
            raise UserError(
                f"Fold {fold}: none of the {len(training)} training scans has a lung mask. Add"
                " masks to lungs.masks_dir, use fewer folds, or choose lungs.method volume."
            )
        others = slices_of(left_out)
        keep = generator(seed, "lungs", fold, "validation").permutation(len(others))
        chosen = sorted(keep[:VALIDATION_SLICES])
        self.validation = [(left_out[others[i].scan], others[i].z) for i in chosen]

    def epoch(self, epoch: int) -> list[Slice]:
        """A fresh draw of slices, with or without lung; repeated if there are not enough."""
        rng = generator(self.seed, "lungs", self.fold, "order", epoch)
        rounds = -(-self.settings.slices // len(self.slices))
        order = np.concatenate([rng.permutation(len(self.slices)) for _ in range(rounds)])
        return [self.slices[i] for i in order[: self.settings.slices]]

    def sample(self, key: Slice, rng: np.random.Generator) -> tuple[Image, Image]:
        """Slice with its neighbours (channels, y, x) and its mask (1, y, x), 0 or 1."""
        stack = self.training[key.scan]
        image = stack.window(key.z, self.settings.context)
        mask = (stack.labels(key.z) > 0).astype(np.uint8)[None]
        return augmented(image, mask, rng) if self.settings.augment else (image, mask)

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean binary cross-entropy of the pixels."""
        return binary_cross_entropy_with_logits(network(inputs), targets.float())

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Loss, pixel Dice at 0.5 and mean probability in lungs, on left-out slices."""
        return pixel_validation(network, self.validation, self.settings.context, device)

    def draw(self, network: nn.Module, device: torch.device, path: Path) -> None:
        """Montage of left-out slices: outline of the mask orange, of the prediction sky blue."""
        if not self.validation:
            return
        count = min(PICTURES, len(self.validation))
        tiles = []
        for i in np.linspace(0, len(self.validation) - 1, count).astype(int):
            stack, z = self.validation[i]
            logits = slice_logits(network, stack, [z], self.settings.context, device)[0]
            answer = (logits > 0).cpu().numpy()
            tiles.append(overlay(stack.array[z], stack.labels(z) > 0, answer))
        write_tiles(path, tiles, 4)


def slices_of(stacks: Sequence[Stack]) -> list[Slice]:
    """All slices of the scans that have a mask."""
    masked = [(i, stack) for i, stack in enumerate(stacks) if len(stack.nodule_slices)]
    return [Slice(i, z) for i, stack in masked for z in range(len(stack.array))]


def augmented(image: Image, mask: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Slice and mask randomly mirrored, rotated, scaled and shifted alike; grey levels altered.

    image: (channels, y, x), mask: (1, y, x). What comes in at the edges is air.
    """
    side = image.shape[-1]
    middle = ((side - 1) / 2,) * 2
    matrix = cv2.getRotationMatrix2D(
        middle, rng.uniform(-TURN, TURN), 1 + rng.uniform(-SCALE, SCALE)
    )
    matrix[:, 2] += rng.uniform(-SHIFT, SHIFT, 2) * side
    if rng.integers(2):
        matrix[0] = -matrix[0]
        matrix[0, 2] += side - 1
    contrast, brightness = rng.uniform(0.9, 1.1), rng.uniform(-12, 12)
    grey = np.arange(256, dtype=np.float32)
    lookup = np.clip(np.rint((grey - 128) * contrast + 128 + brightness), 0, 255).astype(np.uint8)
    moved = [lookup[cv2.warpAffine(channel, matrix, (side, side))] for channel in image]
    nearest = cv2.warpAffine(mask[0], matrix, (side, side), flags=cv2.INTER_NEAREST)
    return np.stack(moved), np.asarray(nearest, np.uint8)[None]
