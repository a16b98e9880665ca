"""The malignancy networks' scores of nodules."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import nn

from nodules.base import tables
from nodules.learning.networks.forward import nodule_logits
from nodules.prepare.crops import CropSize, Nodule
from nodules.prepare.stacks import Stack
from nodules.stats.logits import sigmoid

# Names of the networks in the tables, by what they see.
SYSTEMS = {"slices": "resnet", "cubes": "cubes"}


def classify(
    networks: Sequence[nn.Module],
    stacks: Sequence[Stack],
    nodules: Sequence[Nodule],
    size: CropSize,
    device: torch.device,
) -> pd.DataFrame:
    """Table `malignancy_scores`: each network's probability for every nodule of some scans."""
    parts = [tables.frame("malignancy_scores")]
    for member, network in enumerate(networks if nodules else []):
        logits = nodule_logits(network, stacks, nodules, size, device)
        part = {
            "system": SYSTEMS[size.view],
            "seriesuid": [stacks[n.scan].uid for n in nodules],
            "nodule": [n.number for n in nodules],
            "member": member,
            "logit": logits,
            "probability": sigmoid(logits),
        }
        parts.append(tables.frame("malignancy_scores", pd.DataFrame(part)))
    return tables.stacked(parts)
