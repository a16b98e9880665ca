"""The malignancy ResNet50s' answers on nodules."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch import nn

from nodules.base import tables
from nodules.learning.networks.resnet import ask
from nodules.prepare.nodules import gather
from nodules.prepare.stacks import Stack
from nodules.stats.logits import sigmoid

SYSTEM = "resnet"


def classify(
    networks: Sequence[nn.Module],
    stacks: Sequence[Stack],
    labels: pd.DataFrame,
    settings: dict[str, Any],
    device: torch.device,
) -> pd.DataFrame:
    """Table `malignancy_scores`: each network's answer on every nodule that readers rated.

    labels: table `malignancy_labels`; nodules without a label have an answer too, for other rules.
    """
    nodules = gather(stacks, labels[labels["rating"].notna()], settings["slices"])
    parts = [tables.frame("malignancy_scores")]
    for member, network in enumerate(networks if nodules else []):
        logits = ask(network, stacks, nodules, settings, device)
        part = {
            "system": SYSTEM,
            "seriesuid": [stacks[n.scan].uid for n in nodules],
            "nodule": [n.number for n in nodules],
            "member": member,
            "logit": logits,
            "probability": sigmoid(logits),
        }
        parts.append(tables.frame("malignancy_scores", pd.DataFrame(part)))
    return pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
