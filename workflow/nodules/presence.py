"""What the ResNet50 learns from and answers: is there a nodule in this crop?"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from nodules import regions, tables
from nodules.crops import PLAIN, Place, crop, place_at, places_of, random_view
from nodules.files import UserError, write_bytes
from nodules.seeds import generator
from nodules.segmentation import EMPTY_ALONE, WITHOUT_NODULES, rows_of
from nodules.stacks import Stack
from nodules.training import Validation, autocast, to_device

SLICES_PER_CANDIDATE = 5  # crops through a candidate whose logits are averaged
SHIFT_SHARE = 0.08  # of the crop's side: how far a training crop may be off its centre
VALIDATION_CROPS = 512
BATCH = {"cpu": 32, "cuda": 256}

log = logging.getLogger("nodules")


class Crop(NamedTuple):
    """A crop by its scan's place in the list, its own place, and whether it shows a nodule."""

    scan: int
    place: Place
    label: int


def positives(scan: int, stack: Stack, masks: pd.DataFrame) -> Iterator[Crop]:
    """Crops through the scan's reference nodules, on every slice of their masks."""
    own = regions.select(masks, stack.kind, "slices")
    for _, rows in own.groupby("region"):
        for place in places_of(rows, len(rows)):
            yield Crop(scan, place, 1)


def false_alarms(scan: int, candidates: pd.DataFrame, masks: pd.DataFrame) -> Iterator[Crop]:
    """Crops through the U-Net's candidates that hit neither a nodule nor an excluded finding."""
    wrong = candidates[(candidates["nodule"] == 0) & ~candidates["excluded"]]
    for _, rows in masks[masks["region"].isin(wrong["candidate"])].groupby("region"):
        for place in places_of(rows, SLICES_PER_CANDIDATE):
            yield Crop(scan, place, 0)


def peaks(scan: int, slices: pd.DataFrame, stack: Stack) -> Iterator[Crop]:
    """Crops at the U-Net's strongest answer on each slice with lung and without a nodule."""
    chosen = slices[slices["slice"].isin(stack.empty_slices)]
    for row in chosen.itertuples():
        yield Crop(scan, Place(int(row.slice), float(row.peak_y), float(row.peak_x)), 0)


def listed(scan: int, stack: Stack, locations: pd.DataFrame) -> Iterator[Crop]:
    """Crops at LUNA16's own false-positive candidates (candidates_V2, label 0)."""
    for row in locations[locations["label"] == 0].itertuples():
        place = place_at(stack.geometry, (row.x, row.y, row.z))
        if place is not None:
            yield Crop(scan, place, 0)


class Sources(NamedTuple):
    """Tables that crops are drawn from: candidates, their regions, slice scores, locations."""

    candidates: pd.DataFrame
    regions: pd.DataFrame
    slices: pd.DataFrame
    locations: pd.DataFrame


def gather(stacks: Sequence[Stack], sources: Sources) -> tuple[list[Crop], list[list[Crop]]]:
    """Nodule crops, and the kinds of crops without a nodule, of a set of scans."""
    shown: list[Crop] = []
    kinds: list[list[Crop]] = [[], [], []]
    by_scan = [dict(list(table.groupby("seriesuid"))) for table in sources]
    for i, stack in enumerate(stacks):
        candidates, masks, slices, locations = (
            groups.get(stack.uid, table.iloc[:0])
            for groups, table in zip(by_scan, sources, strict=True)
        )
        shown += positives(i, stack, tables.read(stack.masks_path, "regions"))
        kinds[0] += false_alarms(i, candidates, masks)
        kinds[1] += peaks(i, slices, stack)
        kinds[2] += listed(i, stack, locations)
    return shown, [kind for kind in kinds if kind]


class CropTask:
    """Crops of the training scans, drawn anew each epoch; binary cross-entropy per crop."""

    def __init__(
        self,
        training: Sequence[Stack],
        left_out: Sequence[Stack],
        sources: Sources,
        settings: dict[str, Any],
        seed: int,
        fold: int,
    ) -> None:
        self.training, self.left_out = training, left_out
        self.settings, self.seed, self.fold = settings, seed, fold
        self.positive, self.negative = gather(training, sources)
        if not self.negative:
            raise UserError(
                f"Fold {fold}: the {len(training)} training scans give no crops without a nodule."
                " Use fewer folds or more scans (folds.n, phantom.scans)."
            )
        if not self.positive:
            log.warning(WITHOUT_NODULES, fold, len(training))
        positive, negative = gather(left_out, sources)
        rng = generator(seed, "resnet", fold, "validation")
        chosen = positive + draw(negative, len(positive), rng)
        keep = rng.permutation(len(chosen))[:VALIDATION_CROPS]
        self.validation = [chosen[i] for i in sorted(keep)]

    def epoch(self, epoch: int) -> list[Crop]:
        """Every nodule crop, and a fresh draw of `negatives` times as many without."""
        rng = generator(self.seed, "resnet", self.fold, "order", epoch)
        wanted = round(len(self.positive) * self.settings["negatives"])
        wanted = wanted if self.positive else EMPTY_ALONE
        chosen = self.positive + draw(self.negative, wanted, rng)
        return [chosen[i] for i in rng.permutation(len(chosen))]

    def sample(
        self, key: Crop, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Crop (3, y, x) and its label."""
        side = self.settings["crop_mm"]
        view = random_view(rng, SHIFT_SHARE * side) if self.settings["augment"] else PLAIN
        image = crop(self.training[key.scan], key.place, side, self.settings["crop_px"], view)
        return image, np.float32(key.label)  # type: ignore[return-value]

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean binary cross-entropy of the crops."""
        return binary_cross_entropy_with_logits(logits_of(network, inputs), targets.float())

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Loss, AUC and mean probability of nodules, on the left-out draw."""
        if not self.validation:
            return Validation(float("nan"), float("nan"), float("nan"))
        logits = answer([network], self.left_out, self.validation, self.settings, device)
        labels = np.array([c.label for c in self.validation])
        loss = np.logaddexp(0, np.where(labels == 1, -logits, logits)).mean()
        mixed = 0 < labels.mean() < 1
        return Validation(
            float(loss),
            float(roc_auc_score(labels, logits)) if mixed else float("nan"),
            float(sigmoid(logits[labels == 1]).mean()) if labels.any() else float("nan"),
        )

    def draw(self, network: nn.Module, device: torch.device, path: Path) -> None:
        """Montage of left-out crops with the network's answer."""
        if not self.validation:
            return
        picks = np.linspace(0, len(self.validation) - 1, min(16, len(self.validation))).astype(int)
        chosen = [self.validation[i] for i in picks]
        probabilities = sigmoid(answer([network], self.left_out, chosen, self.settings, device))
        names = [
            f"{'nodule' if c.label else 'none'} {p:.2f}"
            for c, p in zip(chosen, probabilities, strict=True)
        ]
        draw_montage(self.left_out, chosen, names, self.settings["crop_mm"], path)


def draw_montage(
    stacks: Sequence[Stack], crops: Sequence[Crop], names: Sequence[str], side_mm: float, path: Path
) -> None:
    """Write crops, eight in a row, each with its name; those of label 1 in orange."""
    tiles = []
    for key, name in zip(crops, names, strict=True):
        tile = cv2.cvtColor(crop(stacks[key.scan], key.place, side_mm, 192)[1], cv2.COLOR_GRAY2BGR)
        colour = (0, 159, 230) if key.label else (200, 200, 200)
        tiles.append(cv2.putText(tile, name, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour))
    montage = cv2.vconcat([cv2.hconcat(row) for row in rows_of(tiles, 8)])
    write_bytes(path, cv2.imencode(".png", montage)[1].tobytes())


def draw(kinds: Sequence[Sequence[Crop]], wanted: int, rng: np.random.Generator) -> list[Crop]:
    """A draw of `wanted` crops without a nodule, in equal shares of each kind as far as they go."""
    chosen: list[Crop] = []
    for place, kind in enumerate(sorted(kinds, key=len)):
        share = (wanted - len(chosen)) // (len(kinds) - place)
        chosen += [kind[i] for i in rng.permutation(len(kind))[:share]]
    return chosen


def logits_of(network: nn.Module, inputs: Tensor) -> Tensor:
    """One logit per crop; grey levels 0 to 1 are brought to ImageNet's mean and spread."""
    return network((inputs - 0.45) / 0.225)[:, 0]


def answer(
    networks: Sequence[nn.Module],
    stacks: Sequence[Stack],
    crops: Sequence[Crop],
    settings: dict[str, Any],
    device: torch.device,
) -> NDArray[np.float64]:
    """Logit of each crop, the mean over the networks."""
    step, logits = BATCH.get(device.type, 32), []
    for start in range(0, len(crops), step):
        images = np.stack(
            [
                crop(stacks[c.scan], c.place, settings["crop_mm"], settings["crop_px"])
                for c in crops[start : start + step]
            ]
        )
        inputs = to_device(torch.from_numpy(images), device)
        with torch.inference_mode(), autocast(device):
            parts = [logits_of(network, inputs).float() for network in networks]
        logits.append(torch.stack(parts).mean(0).double().cpu().numpy())
    return np.concatenate(logits) if logits else np.zeros(0)


def classify_candidates(
    networks: Sequence[nn.Module],
    stack: Stack,
    candidates: pd.DataFrame,
    masks: pd.DataFrame,
    settings: dict[str, Any],
    device: torch.device,
) -> pd.DataFrame:
    """Table `classified` of one scan: the mean logit over crops through each candidate."""
    by_region = dict(list(masks.groupby("region")))
    crops, owner = [], []
    for row, number in enumerate(candidates["candidate"]):
        for place in places_of(by_region[number], SLICES_PER_CANDIDATE):
            crops.append(Crop(0, place, 0))
            owner.append(row)
    logits = answer(networks, [stack], crops, settings, device)
    counts = np.bincount(owner, minlength=len(candidates)) if owner else np.ones(0)
    mean = np.bincount(owner, logits, minlength=len(candidates)) / counts if owner else logits
    return tables.frame("classified", candidates.assign(logit=mean, confidence=sigmoid(mean)))


def classify_slices(
    networks: Sequence[nn.Module],
    stack: Stack,
    slices: pd.DataFrame,
    settings: dict[str, Any],
    device: torch.device,
) -> pd.DataFrame:
    """Table `slice_confidence` of one scan: the answer at the U-Net's peak on every slice."""
    crops = [Crop(0, Place(int(s.slice), s.peak_y, s.peak_x), 0) for s in slices.itertuples()]
    logits = answer(networks, [stack], crops, settings, device)
    present = slices["truth_px"].to_numpy() > 0
    return tables.frame(
        "slice_confidence",
        pd.DataFrame(
            {
                "seriesuid": stack.uid,
                "slice": slices["slice"],
                "confidence": sigmoid(logits),
                "loss": np.logaddexp(0, np.where(present, -logits, logits)),
                "present": present,
            }
        ),
    )


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of a logit, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits))
