"""What the 3-D U-Net learns from: patches of volumes, and heat maps of their nodules' centres."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nodules.learning.loop import Validation
from nodules.learning.machine import to_device
from nodules.learning.networks.unet3d import STRIDE
from nodules.learning.state import TrainingSettings
from nodules.learning.tasks import inserts, mining
from nodules.learning.tasks.heat import Marks, heat_loss, target
from nodules.learning.tasks.shared import WITHOUT_NODULES, validation_of, write_tiles
from nodules.learning.tasks.volume_truth import Truth
from nodules.prepare.cubes import Corner, Slices, cube, resized
from nodules.prepare.volumes import LUNG_STEP, Volume
from nodules.stats.seeds import generator

log = logging.getLogger("nodules")

KINDS = ("nodule", "bright", "lung", "mined")  # what a patch is centred on
BRIGHT = 109  # grey level of -400 HU in LUNA16's window: vessels, nodules, chest wall
MOST_OFF, OFF_SHARE = 20, 0.35  # limits of a patch's offset: voxels, and share of its side
TRIES = 64  # draws of a place before any is accepted
NOISE = 2.5  # highest standard deviation of added noise, in grey levels
NOISE_NUMBERS = 1 << 21  # shared; each patch starts at a random one
SHIFT = 5.0  # standard deviation of the shift in brightness, in grey levels
BACKGROUND_SHARE = 0.15  # of a pasted nodule's place: most that may be vessel or wall
ANYWHERE = 1 / 3  # share of pasted nodules that may also lie at vessels and the pleura
PASTE_TRIES = 8
VALIDATION_PATCHES = 96


@dataclass(frozen=True)
class UNet3DSettings(TrainingSettings):
    """Section `unet3d` of the config."""

    widths: list[int]
    patch: int  # voxels along a side
    patches: int  # in an epoch
    nodules: float  # share of them around a nodule
    bright: float  # share of them around a vessel or another bright place in the lung
    mined: float  # share of them around false positives of the previous epoch's network
    pasted: float  # nodules pasted into a patch, on average
    zoom: float  # most stretching of a patch along each axis, as a logarithm


class Patch(NamedTuple):
    """A patch to draw."""

    scan: int  # index in the list
    kind: int  # index in KINDS
    nodule: int  # its index in the scan; -1 for all other kinds
    mined: tuple[float, ...] = ()  # place (z, y, x) in the volume


class HeatTask:
    """Patches near nodules, at bright places and anywhere in the lung, with nodules pasted in."""

    def __init__(
        self,
        training: Sequence[tuple[Volume, Truth]],
        left_out: Sequence[tuple[Volume, Truth]],
        settings: UNet3DSettings,
        seed: int,
        fold: int,
    ) -> None:
        self.training, self.left_out = training, left_out
        self.settings, self.seed, self.fold = settings, seed, fold
        self.nodules = numbered(training)
        if not self.nodules:
            log.warning(WITHOUT_NODULES, fold, len(training))
        # Copies of the training nodules, the same ones after a resume. They are made before the
        # workers are forked, which then share them.
        pastes = math.ceil(settings.patches * settings.pasted)
        self.bank = inserts.bank(training, pastes, generator(seed, "unet3d", fold, "bank"))
        self.alarms: list[mining.Alarm] = []

    def look_back(
        self, epoch: int, network_before: Callable[[], nn.Module], device: torch.device
    ) -> None:
        """Mine false positives of the network as it was after the previous epoch."""
        wanted = round(self.settings.patches * self.settings.mined)
        if not wanted or not self.training:
            return
        rng = generator(self.seed, "unet3d", self.fold, "mining", epoch)
        corners, side = [], self.settings.patch
        for number in range(mining.POOL * wanted):
            key = Patch(int(rng.integers(len(self.training))), 1 + number % 2, -1)
            middle = place_of(*self.training[key.scan], key, side, rng)
            corners.append((key.scan, np.rint(middle - side / 2).astype(int)))
        found = mining.hottest(network_before(), self.training, corners, side, device)
        self.alarms = mining.apart(found, wanted)

    def epoch(self, epoch: int) -> list[Patch]:
        """Patches drawn anew: around all nodules equally often, and around other places in lung.

        Mined patches replace others without a nodule, those anywhere in the lung first.
        """
        rng = generator(self.seed, "unet3d", self.fold, "order", epoch)
        near = round(self.settings.patches * self.settings.nodules) if self.nodules else 0
        bright = round(self.settings.patches * self.settings.bright)
        shown = [self.nodules[i] for i in in_turn(len(self.nodules), near, rng)]
        scans = rng.integers(len(self.training), size=self.settings.patches - near)
        rest = [Patch(int(s), 1 if i < bright else 2, -1) for i, s in enumerate(scans)]
        mined = round(self.settings.patches * self.settings.mined) if self.alarms else 0
        alarms = in_turn(len(self.alarms), min(mined, len(rest)), rng)
        rest = rest[: len(rest) - len(alarms)]
        chosen = shown + rest + [mined_patch(self.alarms[i]) for i in alarms]
        return [chosen[i] for i in rng.permutation(len(chosen))]

    def sample(
        self, key: Patch, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """A patch (1, z, y, x) and its target (3, z/2, y/2, x/2); see `target`."""
        volume, truth = self.training[key.scan]
        side = self.settings.patch
        middle = self._middle(volume, truth, key, rng)
        spread = self.settings.zoom
        sides = np.rint(side * np.exp(rng.uniform(-spread, spread, 3))).astype(int)
        corner = np.rint(middle - sides / 2).astype(int)
        shown, marks = view(volume, truth, corner, sides, side)
        lung = lung_view(volume, corner, sides, shown.shape)
        grey, pasted = self._pasted(shown.astype(np.float32), lung, marks, rng)
        marks = marks._replace(
            centres=np.concatenate([marks.centres, pasted.centres]),
            diameters=np.concatenate([marks.diameters, pasted.diameters]),
        )
        turned, marks = turn(noised(grey, rng), marks, rng)
        return turned[None], target(turned.shape, marks, volume.spacing_mm)

    def _middle(
        self, volume: Volume, truth: Truth, key: Patch, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        side = self.settings.patch
        if KINDS[key.kind] == "mined":
            return np.array(key.mined) + off_centre(side, rng)
        return place_of(volume, truth, key, side, rng)

    def _pasted(
        self,
        grey: NDArray[np.float32],
        lung: NDArray[np.bool_],
        marks: Marks,
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.float32], Marks]:
        """The patch with nodules pasted between those that it shows, and the pasted ones' marks."""
        centres: list[NDArray[np.float64]] = []
        diameters: list[float] = []
        count = int(rng.poisson(self.settings.pasted)) if self.bank else 0
        for _ in range(count):
            insert = self.bank[int(rng.integers(len(self.bank)))]
            corner = spot(grey.shape, grey.__getitem__, lung.__getitem__, insert, rng)
            if corner is None or hides(insert, corner, [*marks.centres, *marks.beside, *centres]):
                continue
            inserts.paste(grey, insert, corner)
            seen = np.argwhere(insert.weight >= inserts.SEEN)
            centres.append(seen.mean(axis=0) + corner)
            diameters.append((6 * len(seen) / np.pi) ** (1 / 3))
        found = np.array(centres).reshape(-1, 3)
        return grey, Marks(found, np.array(diameters), np.zeros((0, 3)), np.zeros(0))

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Penalty-reduced focal loss of the centres, plus a small loss of the diameters."""
        return heat_loss(network(inputs).float(), targets)

    @cached_property
    def _validation(self) -> list[tuple[NDArray[np.uint8], NDArray[np.float32], int]]:
        """Left-out patches around nodules and around other places of the lung; a fixed draw."""
        rng = generator(self.seed, "unet3d", self.fold, "validation")
        own = numbered(self.left_out)
        own = [own[i] for i in rng.permutation(len(own))[: VALIDATION_PATCHES // 2]]
        count = max(len(own), 4) if self.left_out else 0
        scans = rng.integers(max(len(self.left_out), 1), size=count)
        keys = own + [Patch(int(scan), 1, -1) for scan in scans]
        found, side = [], self.settings.patch
        for key in keys:
            volume, truth = self.left_out[key.scan]
            corner = np.rint(place_of(volume, truth, key, side, rng) - side / 2).astype(int)
            grey, marks = view(volume, truth, corner, np.full(3, side), side)
            shown = ((marks.centres > 0) & (marks.centres < side - 1)).all(axis=1).any()
            if shown == (key.kind == 0):
                aim = target(grey.shape, marks, volume.spacing_mm)
                found.append((grey, aim, int(key.kind == 0)))
        return found

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Measures on left-out patches.

        Loss, AUC of a patch's highest logit, and mean of the highest probability in patches of
        nodules.
        """
        if not self._validation:
            return Validation(float("nan"), float("nan"), float("nan"))
        losses, highest = [], []
        for grey, aim, _ in self._validation:
            answer = network(to_device(torch.from_numpy(grey)[None, None], device)).float()
            losses.append(heat_loss(answer, torch.from_numpy(aim)[None].to(device)).item())
            highest.append(answer[0, 0].max().item())
        labels = np.array([label for _, _, label in self._validation])
        return validation_of(np.array(highest), labels)._replace(loss=float(np.mean(losses)))

    def draw(self, network: nn.Module, device: torch.device, path: Path) -> None:
        """Montage of left-out patches: the slice of the hottest voxel, grey levels beside heat."""
        tiles = []
        for grey, _, _ in self._validation[:8]:
            answer = network(to_device(torch.from_numpy(grey)[None, None], device)).float()
            heat = answer[0, 0].sigmoid().cpu().numpy()
            z = int(np.unravel_index(heat.argmax(), heat.shape)[0])
            hot = cv2.resize(np.uint8(255 * heat[z]), grey.shape[:0:-1])  # type: ignore[call-overload]
            pair = cv2.hconcat([np.ascontiguousarray(grey[z * STRIDE]), np.asarray(hot, np.uint8)])
            large = cv2.resize(pair, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
            tiles.append(np.asarray(large, np.uint8))
        write_tiles(path, tiles, 2)


def numbered(scans: Sequence[tuple[Volume, Truth]]) -> list[Patch]:
    """A patch for each nodule of some scans."""
    return [Patch(i, 0, n) for i, (_, truth) in enumerate(scans) for n in range(len(truth.centres))]


def mined_patch(alarm: mining.Alarm) -> Patch:
    """A patch around a place that the network mistook for a nodule."""
    return Patch(alarm.scan, KINDS.index("mined"), -1, tuple(float(at) for at in alarm.place))


def place_of(
    volume: Volume, truth: Truth, key: Patch, side: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Centre of a patch of `side` voxels, as a fractional index (z, y, x) of the volume."""
    off = off_centre(side, rng)
    if KINDS[key.kind] == "nodule":
        return truth.centres[key.nodule] + off
    drawn = rng.integers(volume.lung.shape, size=(TRIES, 3))
    places = drawn[volume.lung[tuple(drawn.T)] > 0] * LUNG_STEP + LUNG_STEP // 2
    if KINDS[key.kind] == "lung":
        fit = places[:1]
    else:
        fit = places[volume.array[tuple(places.T)] >= BRIGHT][:1]
    chosen = fit if len(fit) else places[-1:]  # lung, even if none of it is bright
    return off + (chosen[0] if len(chosen) else 0)


def off_centre(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Random offset (z, y, x), in voxels, of a patch's centre from what it shows."""
    return rng.uniform(-1, 1, 3) * min(MOST_OFF, OFF_SHARE * side)


def in_turn(n: int, wanted: int, rng: np.random.Generator) -> list[int]:
    """`wanted` of the numbers below n, each equally often or once more, in random order."""
    if not n:
        return []
    return [int(i) for _ in range(-(-wanted // n)) for i in rng.permutation(n)][:wanted]


def view(
    volume: Volume,
    truth: Truth,
    corner: NDArray[np.int64],
    sides: NDArray[np.int64],
    side: int,
) -> tuple[NDArray[np.uint8], Marks]:
    """A box of a volume, resampled to a cube of `side` voxels, and all marks in its coordinates."""
    grey = cube(volume.array, corner, sides)
    stretch = side / sides
    mean = float(np.prod(stretch) ** (1 / 3))
    if (sides != side).any():
        grey = resized(grey, (side, side, side))
    mm = volume.spacing_mm

    def within(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return (points - corner + 0.5) * stretch - 0.5

    return grey, Marks(
        within(truth.centres),
        truth.diameters_mm / mm * mean,
        within(truth.beside),
        truth.beside_mm / mm * mean,
    )


def lung_view(
    volume: Volume, corner: NDArray[np.int64], sides: NDArray[np.int64], shape: Sequence[int]
) -> NDArray[np.bool_]:
    """Lung mask of a box of a volume, resampled to `shape` voxels by nearest neighbour.

    corner, sides: first voxel (z, y, x) and size of the box, in voxels of the volume.
    """
    voxels = [
        np.floor(c + (np.arange(shown) + 0.5) * n / shown).astype(int) // LUNG_STEP
        for c, n, shown in zip(corner, sides, shape, strict=True)
    ]
    low = np.array([along[0] for along in voxels])
    part = cube(volume.lung, low, np.array([along[-1] + 1 for along in voxels]) - low)
    nearest = (along - first for along, first in zip(voxels, low, strict=True))
    for axis, places in enumerate(nearest):  # axis by axis, so that the first ones shrink the array
        part = part.take(places, axis)
    return part > 0


@cache
def _normal_numbers(count: int) -> NDArray[np.float32]:
    """Normal random numbers, drawn once: fresh ones would take a third of a patch's time."""
    return generator(0, "noise").standard_normal(count, dtype=np.float32)


def noised(grey: NDArray[Any], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Grey levels with noise of random strength and a random shift in brightness."""
    numbers = _normal_numbers(max(NOISE_NUMBERS, 2 * grey.size))
    start = int(rng.integers(len(numbers) - grey.size))
    noise = numbers[start : start + grey.size].reshape(grey.shape) * np.float32(
        rng.uniform(0, NOISE)
    )
    noise += grey
    noise += rng.normal(0, SHIFT)
    return np.clip(np.rint(noise, out=noise), 0, 255, out=noise).astype(np.uint8)


Look = Callable[[Slices], NDArray[Any]]  # values of a part of a box


def spot(
    shape: Sequence[int],
    grey: Look,
    lung: Look,
    insert: inserts.Insert,
    rng: np.random.Generator,
) -> Corner | None:
    """Corner at which a nodule fits into the lung, mostly into its air; None if none is found.

    shape: of the box (z, y, x). grey, lung: return parts of it, so that only places tried are read.
    """
    room = np.array(shape) - insert.weight.shape
    if (room < 0).any():
        return None
    core = insert.weight >= inserts.SEEN
    anywhere = rng.random() < ANYWHERE
    for _ in range(PASTE_TRIES):
        z, y, x = (int(rng.integers(n + 1)) for n in room)
        place = tuple(slice(c, c + n) for c, n in zip((z, y, x), core.shape, strict=True))
        if lung(place)[core].mean() < (0.7 if anywhere else 0.98):
            continue
        if anywhere or (grey(place)[core] >= BRIGHT).mean() <= BACKGROUND_SHARE:
            return z, y, x
    return None


def hides(insert: inserts.Insert, corner: Corner, centres: Sequence[NDArray[np.float64]]) -> bool:
    """Whether an insert at a corner of a patch covers one of the places (z, y, x) in it.

    Two nodules' marks would then lie in what looks like one.
    """
    at = np.rint(np.reshape(centres, (-1, 3)) - corner).astype(int)
    at = at[((at >= 0) & (at < insert.weight.shape)).all(axis=1)]
    return bool((insert.weight[tuple(at.T)] >= inserts.SEEN).any())


def turn(
    grey: NDArray[np.uint8], marks: Marks, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Marks]:
    """A cube and its marks, randomly mirrored along each axis and transposed in the slice plane."""
    last = grey.shape[0] - 1
    centres, beside = marks.centres.copy(), marks.beside.copy()
    for axis in range(3):
        if rng.random() < 0.5:
            grey = np.flip(grey, axis)
            centres[:, axis], beside[:, axis] = last - centres[:, axis], last - beside[:, axis]
    if rng.random() < 0.5:
        grey = grey.transpose(0, 2, 1)
        centres, beside = centres[:, [0, 2, 1]], beside[:, [0, 2, 1]]
    return np.ascontiguousarray(grey), marks._replace(centres=centres, beside=beside)
