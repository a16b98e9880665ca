"""Mask R-CNN on a scan: pixel probabilities, and a confidence for every slice."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from nodules.base import tables
from nodules.learning.machine import to_device
from nodules.learning.networks.maskrcnn import full_precision, images_of, painted
from nodules.prepare.stacks import Stack

BATCH = {"cpu": 4, "cuda": 16}


def predict(
    networks: Sequence[nn.Module], stack: Stack, context: int, device: torch.device
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Probability (z, y, x) and confidence (z,) of a scan, averaged over the networks.

    A slice's probability is its image from `painted`, its confidence the highest score of its
    instances, 0 if there are none. The networks do not see slices without lung, which stay 0.
    """
    volume = np.zeros(stack.geometry.shape, np.float32)
    confidence = np.zeros(len(volume))
    shown = stack.lung_slices
    step = BATCH.get(device.type, 4)
    with torch.inference_mode(), full_precision(device):
        for some in np.array_split(shown, math.ceil(len(shown) / step)) if len(shown) else ():
            windows = np.stack([stack.window(int(z), context) for z in some])
            images = images_of(to_device(torch.from_numpy(windows), device))
            for network in networks:
                for z, found in zip(some, network(images), strict=True):
                    volume[z] += painted(found).cpu().numpy() / len(networks)
                    confidence[z] += max(found["scores"].tolist(), default=0.0) / len(networks)
    return volume, confidence


def slice_confidence(uid: str, confidence: NDArray[np.float64]) -> pd.DataFrame:
    """Table `slice_confidence` of one scan from the confidence (z,) of its slices."""
    columns = {
        "seriesuid": uid,
        "slice": np.arange(len(confidence)),
        "confidence": confidence,
        "logit": np.nan,
    }
    return tables.frame("slice_confidence", pd.DataFrame(columns))
