"""What several tasks share: messages, validation measures, and pictures of predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from nodules.base.files import write_bytes
from nodules.learning.loop import Validation
from nodules.learning.networks.forward import slice_logits
from nodules.learning.state import TrainingSettings
from nodules.prepare.crops import PLAIN, CropSample, CropSize, Shown, random_view
from nodules.prepare.stacks import Stack
from nodules.stats.logits import sigmoid

EMPTY_ALONE = 128  # slices in an epoch where no training scan has a nodule
TRUTH_BGR, ANSWER_BGR = (0, 159, 230), (233, 180, 86)  # Okabe-Ito orange and sky blue

WITHOUT_NODULES = (
    "Fold %d: none of the %d training scans has a nodule, so its networks can only learn to answer"
    " 'none'. If that is no intention, look at annotations.csv, or use fewer folds or more scans."
)
SHIFT_SHARE = 0.08  # of the crop's side: most shift of a training crop


NAN = float("nan")


def validation_of(logits: NDArray[np.float64], labels: NDArray[Any]) -> Validation:
    """Mean cross-entropy, AUC and mean probability of positives.

    logits and labels (0 or 1): (n,). The AUC is NaN if one of the classes is missing.
    """
    from sklearn.metrics import roc_auc_score  # takes a second, and pixel tasks do not need it

    loss = np.logaddexp(0, np.where(labels == 1, -logits, logits)).mean()
    mixed = 0 < labels.mean() < 1
    return Validation(
        float(loss),
        float(roc_auc_score(labels, logits)) if mixed else NAN,
        float(sigmoid(logits[labels == 1]).mean()) if labels.any() else NAN,
    )


@dataclass
class PixelTally:
    """Sums over slices for the loss, pixel Dice at 0.5 and the mean probability in nodules."""

    slices: int = 0
    loss: float = 0.0
    overlap: float = 0.0
    total: float = 0.0
    confidence: float = 0.0
    truth: float = 0.0

    def add(self, loss: float, probability: Tensor, truth: Tensor) -> None:
        """Add a slice: probability (0 to 1) and truth (bool) of its pixels (y, x)."""
        predicted = probability >= 0.5
        self.slices += 1
        self.loss += loss
        self.overlap += 2 * (predicted & truth).sum().item()
        self.total += predicted.sum().item() + truth.sum().item()
        self.confidence += (probability * truth).sum().item()
        self.truth += truth.sum().item()

    def validation(self) -> Validation:
        """The measures; NaN where nothing was summed."""
        return Validation(
            self.loss / self.slices if self.slices else NAN,
            self.overlap / self.total if self.total else NAN,
            self.confidence / self.truth if self.truth else NAN,
        )


def pixel_validation(
    network: nn.Module, slices: Sequence[tuple[Stack, int]], context: int, device: torch.device
) -> Validation:
    """Loss, pixel Dice at 0.5 and mean probability in the masks, on some slices."""
    tally = PixelTally()
    for stack, z in slices:
        logits = slice_logits(network, stack, [z], context, device)[0]
        truth = torch.from_numpy((stack.labels(z) > 0).astype(np.float32)).to(device)
        loss = binary_cross_entropy_with_logits(logits, truth)
        tally.add(loss.item(), logits.sigmoid(), truth > 0)
    return tally.validation()


@dataclass(frozen=True)
class CropSettings(TrainingSettings):
    """How crops are cut and augmented (section `crops` of the config), with training settings."""

    mm: float  # side of a crop
    px: int  # side of a crop in the network's pixels
    augment: bool

    @property
    def size(self) -> CropSize:
        """Size of a crop."""
        return CropSize(self.mm, self.px)


def overlay(
    grey: NDArray[np.uint8], truth: NDArray[np.bool_], predicted: NDArray[np.bool_]
) -> NDArray[Any]:
    """Slice (y, x) as BGR with the outlines of both masks.

    Small slices are enlarged by the largest whole factor that keeps them within 512 pixels.
    """
    scale = max(1, 512 // grey.shape[1])
    size = (grey.shape[1] * scale, grey.shape[0] * scale)
    image = cv2.cvtColor(cv2.resize(np.ascontiguousarray(grey), size), cv2.COLOR_GRAY2BGR)
    for mask, colour in ((truth, TRUTH_BGR), (predicted, ANSWER_BGR)):
        large = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        outlines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, outlines, -1, colour, 1)
    return image


def write_tiles(path: Path, tiles: list[NDArray[np.uint8]], width: int) -> None:
    """Write images of one size as a PNG, in rows of `width`; the last row is padded with black.

    Nothing is written if there are no images.
    """
    if not tiles:
        return
    width = min(width, len(tiles))
    filled = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % width)
    rows = [cv2.hconcat(filled[i : i + width]) for i in range(0, len(filled), width)]
    write_bytes(path, cv2.imencode(".png", cv2.vconcat(rows))[1].tobytes())


def training_crop(
    stack: Stack, place: Shown, settings: CropSettings, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Crop or cube, channels first, around a place; randomly transformed if so configured."""
    view = random_view(rng, SHIFT_SHARE * settings.mm) if settings.augment else PLAIN
    return place.shown(stack, settings.size.mm, settings.size.px, view)


def draw_montage(
    stacks: Sequence[Stack],
    crops: Sequence[CropSample],
    names: Sequence[str],
    side_mm: float,
    path: Path,
) -> None:
    """Write crops, eight in a row, each with its name; names of label 1 in orange."""
    tiles: list[NDArray[np.uint8]] = []
    for key, name in zip(crops, names, strict=True):
        grey = key.place.picture(stacks[key.scan], side_mm, 192)
        tile = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
        colour = TRUTH_BGR if key.label else (200, 200, 200)
        written = cv2.putText(tile, name, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour)
        tiles.append(np.asarray(written, np.uint8))
    write_tiles(path, tiles, 8)
