"""Lung probability of a scan, by networks that were not trained on its patient."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from nodules.learning.machine import autocast
from nodules.learning.networks.bundle import Bundle
from nodules.learning.networks.forward import slice_logits
from nodules.prepare.stacks import Stack

BATCH = 16  # slices


def probability(models: Sequence[Bundle], stack: Stack, device: torch.device) -> NDArray[np.uint8]:
    """Probability of lung, averaged over the networks: uint8 (z, y, x), 255 for 1."""
    count = len(stack.array)
    answer = np.empty(stack.array.shape, np.uint8)
    context = models[0].input["context"]
    for start in range(0, count, BATCH):
        part = range(start, min(start + BATCH, count))
        with torch.inference_mode(), autocast(device):
            parts = [slice_logits(m.network, stack, part, context, device) for m in models]
            mean = torch.stack([logits.sigmoid() for logits in parts]).mean(0)
        answer[start : start + BATCH] = (mean * 255).round().byte().cpu().numpy()
    return answer
