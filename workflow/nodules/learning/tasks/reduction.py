"""What the second stage in 3-D learns from: cubes around nodules and around false positives."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from nodules.base import tables
from nodules.images.spheres import BoxedMask, corner_of
from nodules.learning.loop import Validation
from nodules.learning.machine import to_device
from nodules.learning.state import TrainingSettings
from nodules.learning.tasks import inserts
from nodules.learning.tasks.patches3d import (
    Look,
    Patch,
    in_turn,
    lung_view,
    noised,
    numbered,
    place_of,
    spot,
)
from nodules.learning.tasks.shared import ANSWER_BGR, WITHOUT_NODULES, validation_of, write_tiles
from nodules.learning.tasks.volume_truth import Truth
from nodules.prepare.cubes import Corner, Slices, cube, intersection, resized, resized_mask
from nodules.prepare.volumes import Volume
from nodules.stats.seeds import generator

log = logging.getLogger("nodules")

JITTER_MM = 2.5  # most offset of a cube from its nodule's centre; candidates are off, too
PASTE_ROOM = 20  # voxels around a cube in which a nodule may be pasted
MASK_WEIGHT = 1.0  # of the mask's loss relative to the logit's
VALIDATION_CUBES = 256
PLACES_TRIED = 8  # after which the last one is used anyway
ZOOM = 0.15


@dataclass(frozen=True)
class ReductionSettings(TrainingSettings):
    """Section `reduction` of the config."""

    widths: list[int]
    cube: int  # voxels along a side
    cubes: int  # in an epoch
    mined: float  # share of cubes without a nodule that are false positives of the first stage
    pasted: float  # share of cubes with a nodule whose nodule is pasted


class Cube(NamedTuple):
    """A cube to draw: index of its scan, what it shows, and the index of its nodule or alarm."""

    scan: int
    kind: str  # nodule, pasted, mined, bright or lung
    number: int


class CubeTask:
    """Cubes: half with a nodule, the rest around the first stage's false positives and in lung."""

    def __init__(
        self,
        training: Sequence[tuple[Volume, Truth]],
        left_out: Sequence[tuple[Volume, Truth]],
        settings: ReductionSettings,
        seed: int,
        fold: int,
        alarms: pd.DataFrame,
    ) -> None:
        """alarms: table `candidates`, the first stage's false positives."""
        self.training, self.left_out = training, left_out
        self.settings, self.seed, self.fold = settings, seed, fold
        self.nodules = numbered(training)
        places = [
            volume.grid.to_index(alarms.loc[alarms["seriesuid"] == volume.uid, ["x", "y", "z"]])
            for volume, _ in training
        ]
        # A nodule's own cubes are off its centre, so an alarm about as close is no negative.
        self.alarms = [
            found[[clear(truth, place, 0.5 * jitter_of(volume)) for place in found]]
            for found, (volume, truth) in zip(places, training, strict=True)
        ]
        self.mined = [(i, n) for i, found in enumerate(self.alarms) for n in range(len(found))]

    @cached_property
    def bank(self) -> list[inserts.Insert]:
        """Nodules to paste, as in the 3-D U-Net's task."""
        pastes = math.ceil(self.settings.cubes / 2 * self.settings.pasted)
        return inserts.bank(
            self.training, pastes, generator(self.seed, "reduction", self.fold, "bank")
        )

    def epoch(self, epoch: int) -> list[Cube]:
        """Cubes drawn anew: nodules equally often, false positives equally often, and lung."""
        rng = generator(self.seed, "reduction", self.fold, "order", epoch)
        if not self.nodules and epoch == 1:
            log.warning(WITHOUT_NODULES, self.fold, len(self.training))
        half = self.settings.cubes // 2 if self.nodules else 0
        pasted = round(half * self.settings.pasted) if self.bank else 0
        own = [self.nodules[i] for i in in_turn(len(self.nodules), half - pasted, rng)]
        chosen = [Cube(p.scan, "nodule", p.nodule) for p in own]
        scans = rng.integers(len(self.training), size=pasted)
        chosen += [Cube(int(s), "pasted", -1) for s in scans]
        rest = self.settings.cubes - len(chosen)
        mined = round(rest * self.settings.mined) if self.mined else 0
        alarms = [self.mined[i] for i in in_turn(len(self.mined), mined, rng)]
        chosen += [Cube(s, "mined", n) for s, n in alarms]
        kinds = ["bright", "lung"]
        scans = rng.integers(len(self.training), size=rest - mined)
        chosen += [Cube(int(s), kinds[i % 2], -1) for i, s in enumerate(scans)]
        return [chosen[i] for i in rng.permutation(len(chosen))]

    def sample(
        self, key: Cube, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A cube and the mask of its nodule, (1, z, y, x) each; the mask is 0 without a nodule."""
        volume, truth = self.training[key.scan]
        side = self.settings.cube
        sides = np.rint(side * np.exp(rng.uniform(-ZOOM, ZOOM, 3))).astype(int)
        if key.kind == "pasted":
            grey, mask = self._pasted(volume, truth, sides, rng)
        else:
            middle = self._middle(volume, truth, key, rng)
            corner = np.rint(middle - (sides - 1) / 2).astype(int)
            grey = _stretched(cube(volume.array, corner, sides), side)
            mask = np.zeros(grey.shape, np.uint8)
            if key.kind == "nodule":
                own, centre = truth.masks[key.number], truth.centres[key.number]
                mask = _marked(own, centre, corner, sides, grey.shape)
        grey, mask = turned(noised(grey, rng), mask, rng)
        return grey[None], mask[None]

    def _middle(
        self, volume: Volume, truth: Truth, key: Cube, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        if key.kind == "nodule":
            return truth.centres[key.number] + rng.uniform(-1, 1, 3) * jitter_of(volume)
        if key.kind == "mined":
            return self.alarms[key.scan][key.number] + rng.uniform(-1, 1, 3)
        return self._without(volume, truth, key, rng)

    def _without(
        self, volume: Volume, truth: Truth, key: Cube, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """A place whose cube shows no nodule or excluded finding, if a few tries find one."""
        kind = 1 if key.kind == "bright" else 2
        for _ in range(PLACES_TRIED):
            place = place_of(volume, truth, Patch(key.scan, kind, -1), self.settings.cube, rng)
            if clear(truth, place, self.settings.cube / 2):
                break
        return place

    def _pasted(
        self, volume: Volume, truth: Truth, sides: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A cube near whose centre a nodule was pasted into the lung, and the nodule's mask.

        The mask is 0 if the nodule fits nowhere.
        """
        room = self.settings.cube + 2 * PASTE_ROOM
        for _ in range(PLACES_TRIED):
            middle = self._without(volume, truth, Cube(0, "lung", -1), rng)
            corner = np.rint(middle - room / 2).astype(int)
            insert = self.bank[int(rng.integers(len(self.bank)))]
            at = spot((room, room, room), *looks(volume, corner), insert, rng)
            if at is not None:
                break
        grey, first, centre = np.zeros((0, 0, 0), np.float32), corner, corner + (room - 1) / 2
        if at is not None:
            first = corner + at
            grey = cube(volume.array, first, insert.weight.shape).astype(np.float32)
            inside, _ = inserts.paste(grey, insert, (0, 0, 0))
            centre = np.argwhere(inside).mean(axis=0) + first
        middle = centre + rng.uniform(-1, 1, 3) * jitter_of(volume)
        low = np.rint(middle - (sides - 1) / 2).astype(int)
        shown = with_part(cube(volume.array, low, sides), grey, low - first)
        stretched = _stretched(shown, self.settings.cube)
        if at is None:
            return stretched, np.zeros(stretched.shape, np.uint8)
        return stretched, _marked((inside, corner_of(first)), centre, low, sides, stretched.shape)

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of the cubes' logits; in nodules also of the voxels, with their Dice."""
        logit, mask = network(inputs)
        return cube_loss(logit.float(), mask.float(), targets)

    @cached_property
    def _validation(self) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        rng = generator(self.seed, "reduction", self.fold, "validation")
        own = numbered(self.left_out)
        own = [own[i] for i in rng.permutation(len(own))[: VALIDATION_CUBES // 2]]
        count = max(len(own), 8) if self.left_out else 0
        keys = [Cube(p.scan, "nodule", p.nodule) for p in own]
        keys += [
            Cube(int(s), "bright", -1) for s in rng.integers(max(len(self.left_out), 1), size=count)
        ]
        none = tables.frame("candidates")
        asked = (
            CubeTask(self.left_out, [], self.settings, self.seed, self.fold, none) if keys else self
        )
        return [asked.sample(key, rng) for key in keys]

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Loss, AUC and mean probability of nodules, on left-out cubes."""
        if not self._validation:
            return Validation(float("nan"), float("nan"), float("nan"))
        logits, losses = [], []
        for grey, mask in self._validation:
            logit, voxels = network(to_device(torch.from_numpy(grey)[None], device))
            truth = torch.from_numpy(mask)[None].to(device)
            losses.append(cube_loss(logit.float(), voxels.float(), truth).item())
            logits.append(logit.item())
        labels = np.array([int(mask.any()) for _, mask in self._validation])
        return validation_of(np.array(logits), labels)._replace(loss=float(np.mean(losses)))

    def draw(self, network: nn.Module, device: torch.device, path: Path) -> None:
        """Montage of left-out cubes: the middle slice, with an outline of the predicted nodule."""
        tiles = []
        for grey, _ in self._validation[:: max(len(self._validation) // 16, 1)][:16]:
            logit, voxels = network(to_device(torch.from_numpy(grey)[None], device))
            z = grey.shape[1] // 2
            tile = cv2.cvtColor(cv2.resize(grey[0, z], (192, 192)), cv2.COLOR_GRAY2BGR)
            mask = (voxels[0, 0, z] > 0).cpu().numpy().astype(np.uint8)
            large = cv2.resize(mask, (192, 192), interpolation=cv2.INTER_NEAREST)
            lines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(tile, lines, -1, ANSWER_BGR, 1)
            text = f"{logit.sigmoid().item():.2f}"
            tiles.append(
                cv2.putText(tile, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (200, 200, 200))
            )
        write_tiles(path, tiles, 8)


def jitter_of(volume: Volume) -> float:
    """JITTER_MM in voxels."""
    return JITTER_MM / volume.spacing_mm


def clear(truth: Truth, place: NDArray[np.float64], reach: float) -> bool:
    """Whether no nodule or excluded finding comes within `reach` voxels of a place.

    place: index (z, y, x). Distances are from the surface of a ball of the finding's diameter.
    """
    spacing = truth.spacing_mm
    for centres, diameters in (
        (truth.centres, truth.diameters_mm),
        (truth.beside, truth.beside_mm),
    ):
        far = np.linalg.norm(centres - place, axis=1)
        if (far < diameters / 2 / spacing + reach).any():
            return False
    return True


def looks(volume: Volume, corner: NDArray[np.int64]) -> tuple[Look, Look]:
    """Functions that return grey levels and lung mask of parts of a box of a volume.

    corner: the box's first voxel (z, y, x).
    """

    def grey(place: Slices) -> NDArray[np.uint8]:
        low, shape = bounds(place)
        return cube(volume.array, corner + low, shape)

    def lung(place: Slices) -> NDArray[np.bool_]:
        low, shape = bounds(place)
        return lung_view(volume, corner + low, shape, shape.tolist())

    return grey, lung


def bounds(place: Slices) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First voxel and shape (z, y, x) of a part of a box."""
    low = np.array([along.start for along in place])
    return low, np.array([along.stop for along in place]) - low


def with_part(
    shown: NDArray[np.uint8], part: NDArray[np.float32], low: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Overwrite a box of a volume, in place, where it overlaps an altered part of the volume.

    low: index (z, y, x), within the part, of the box's first voxel.
    """
    there, here = intersection(low, shown.shape, part.shape)
    shown[here] = np.clip(np.rint(part[there]), 0, 255)
    return shown


def turned(
    grey: NDArray[np.uint8], mask: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A cube and its mask, randomly mirrored along each axis and transposed in the slice plane."""
    axes = tuple(axis for axis in range(3) if rng.random() < 0.5)
    grey, mask = np.flip(grey, axes), np.flip(mask, axes)
    if rng.random() < 0.5:
        grey, mask = grey.transpose(0, 2, 1), mask.transpose(0, 2, 1)
    return np.ascontiguousarray(grey), np.ascontiguousarray(mask)


def _stretched(values: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    return values if values.shape == (side,) * 3 else resized(values, (side,) * 3)


def _marked(
    box: BoxedMask,
    centre: NDArray[np.float64],
    corner: NDArray[np.int64],
    sides: NDArray[np.int64],
    shape: Corner,
) -> NDArray[np.uint8]:
    """A nodule's mask in a resized cube; a nodule too small for its grid keeps its central voxel.

    Otherwise the cube would have an empty mask, which means that it shows no nodule. centre, corner
    (of the cube) and sides: (z, y, x) in the volume's voxels; shape: of the mask returned.
    """
    mask = resized_mask(box, corner, sides, shape)
    if not mask.any():
        inside = np.rint((centre - corner + 0.5) * shape / sides - 0.5)
        mask[tuple(np.clip(inside, 0, np.array(shape) - 1).astype(int))] = 1
    return mask


def cube_loss(logit: Tensor, mask: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of the cubes, plus that of nodules' voxels with their soft Dice.

    Dice has squares in the denominator, as in V-Net (Milletari et al., 3DV 2016). logit: (batch,);
    mask and targets: (batch, 1, z, y, x). A cube shows a nodule if any of its target voxels is 1.
    """
    truth = targets.float()
    voxels = (1, 2, 3, 4)
    label = truth.amax(voxels)
    judged = binary_cross_entropy_with_logits(logit, label)
    share = mask.sigmoid()
    overlap = 2 * (share * truth).sum(voxels) + 1
    dice = 1 - overlap / (share.square().sum(voxels) + truth.sum(voxels) + 1)
    each = binary_cross_entropy_with_logits(mask, truth, reduction="none").mean(voxels) + dice
    # Cubes without a nodule get weight 0; to select the others would wait for the GPU.
    drawn = (each * label).sum() / label.sum().clamp(min=1)
    return judged + MASK_WEIGHT * drawn
