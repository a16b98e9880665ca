"""The presence ResNet50's confidence in candidates and slices."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn

from nodules.base import tables
from nodules.learning.networks.forward import crop_logits
from nodules.prepare.crops import SLICES_PER_CANDIDATE, CropSample, CropSize, Place
from nodules.prepare.stacks import Stack
from nodules.prepare.views import at, through
from nodules.stats.logits import sigmoid


def classify_candidates(
    networks: Sequence[nn.Module],
    stack: Stack,
    candidates: pd.DataFrame,
    masks: pd.DataFrame,
    size: CropSize,
    device: torch.device,
) -> pd.DataFrame:
    """Table `classified` of one scan: mean logit of crops through each candidate."""
    by_region = dict(list(masks.groupby("region")))
    crops, owner = [], []
    for row, number in enumerate(candidates["candidate"]):
        for place in through(by_region[number], SLICES_PER_CANDIDATE, size):
            crops.append(CropSample(0, place, 0))
            owner.append(row)
    logits = crop_logits(networks, [stack], crops, size, device)
    counts = np.bincount(owner, minlength=len(candidates)) if owner else np.ones(0)
    mean = np.bincount(owner, logits, minlength=len(candidates)) / counts if owner else logits
    return tables.frame("classified", candidates.assign(logit=mean, confidence=sigmoid(mean)))


def classify_slices(
    networks: Sequence[nn.Module],
    stack: Stack,
    peaks: pd.DataFrame,
    size: CropSize,
    device: torch.device,
) -> pd.DataFrame:
    """Table `slice_confidence` of one scan: confidence at the U-Net's peak on every slice."""
    places = [Place(int(s.slice), s.peak_y, s.peak_x) for s in peaks.itertuples()]
    crops = [CropSample(0, shown, 0) for place in places for shown in at(place, size)]
    logits = crop_logits(networks, [stack], crops, size, device)
    logits = logits.reshape(len(peaks), -1).mean(axis=1) if len(peaks) else logits
    columns = {
        "seriesuid": stack.uid,
        "slice": peaks["slice"],
        "confidence": sigmoid(logits),
        "logit": logits,
    }
    return tables.frame("slice_confidence", pd.DataFrame(columns))
