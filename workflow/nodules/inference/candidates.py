"""The presence ResNet50's answers on candidates and slices."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn

from nodules.base import tables
from nodules.learning.networks.asking import crop_logits
from nodules.prepare.crops import SLICES_PER_CANDIDATE, CropSample, CropSize, Place, places_of
from nodules.prepare.stacks import Stack
from nodules.stats.logits import sigmoid


def classify_candidates(
    networks: Sequence[nn.Module],
    stack: Stack,
    candidates: pd.DataFrame,
    masks: pd.DataFrame,
    size: CropSize,
    device: torch.device,
) -> pd.DataFrame:
    """Table `classified` of one scan: the mean logit over crops through each candidate."""
    by_region = dict(list(masks.groupby("region")))
    crops, owner = [], []
    for row, number in enumerate(candidates["candidate"]):
        for place in places_of(by_region[number], SLICES_PER_CANDIDATE):
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
    """Table `slice_confidence` of one scan: the answer at the U-Net's peak on every slice."""
    crops = [CropSample(0, Place(int(s.slice), s.peak_y, s.peak_x), 0) for s in peaks.itertuples()]
    logits = crop_logits(networks, [stack], crops, size, device)
    columns = {
        "seriesuid": stack.uid,
        "slice": peaks["slice"],
        "confidence": sigmoid(logits),
        "logit": logits,
    }
    return tables.frame("slice_confidence", pd.DataFrame(columns))
