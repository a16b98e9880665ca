"""The presence ResNet50's answers on candidates and slices."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from nodules.base import tables
from nodules.learning.networks.resnet import answer
from nodules.prepare.crops import SLICES_PER_CANDIDATE, CropSample, Place, places_of
from nodules.prepare.stacks import Stack
from nodules.stats.logits import sigmoid


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
            crops.append(CropSample(0, place, 0))
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
    crops = [CropSample(0, Place(int(s.slice), s.peak_y, s.peak_x), 0) for s in slices.itertuples()]
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
