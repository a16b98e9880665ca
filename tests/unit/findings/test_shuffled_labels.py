"""A network trained on shuffled labels tells nothing: no left-out crop leaks into training.

If a left-out crop, or a twin of it, were trained on, the network could remember its label.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from helpers.builders import make_stack
from helpers.settings import PRESENCE
from nodules.base import tables
from nodules.findings.matches import with_matches
from nodules.learning.loop import train
from nodules.learning.networks.forward import crop_logits
from nodules.learning.networks.resnet import build
from nodules.learning.state import Plan
from nodules.learning.tasks.presence import CropTask, Sources

SETTINGS = replace(PRESENCE, negatives=1.0, augment=False)
CPU = torch.device("cpu")
SCANS = 12


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """Scans of bright balls; half of them are left out."""
    folder = tmp_path_factory.mktemp("stacks")
    stacks, scores = [], []
    for i in range(SCANS):
        rng = np.random.default_rng(i)
        stack = make_stack(folder, f"2.25.{i}", (12, 64, 64), [((6, 24, 24), 8)], seed=i)
        peaks = rng.integers(16, 48, (12, 2))
        scores += [
            {"seriesuid": stack.uid, "slice": z, "peak_y": y, "peak_x": x}
            for z, (y, x) in enumerate(peaks)
        ]
        stacks.append(stack)
    empty = {name: tables.frame(name) for name in ("candidates", "matches", "regions", "locations")}
    candidates = with_matches(empty["candidates"], empty["matches"])
    sources = Sources(candidates, empty["regions"], pd.DataFrame(scores), empty["locations"])
    return CropTask(stacks[::2], stacks[1::2], SETTINGS, 0, 0, sources)


def left_out_auc(task, folder):
    """AUC on the left-out crops after training on the others."""
    plan = Plan("resnet", 0, 5, 16, 0.001, "constant", 0, folder, "")
    network = build({}, seed=1)
    train(network, task, plan, CPU)
    logits = crop_logits([network.eval()], task.left_out, task.validation, SETTINGS.size, CPU)
    return roc_auc_score([c.label for c in task.validation], logits)


def test_true_labels_are_learned(task, tmp_path):
    assert left_out_auc(task, tmp_path) > 0.9


def test_shuffled_labels_fall_to_chance(task, tmp_path):
    rng = np.random.default_rng(7)

    def shuffled(crops):
        return [
            c._replace(label=int(k))
            for c, k in zip(crops, rng.permutation([c.label for c in crops]), strict=True)
        ]

    both = shuffled([*task.positive, *task.negative[0]])
    task.positive, task.negative = [c for c in both if c.label], [[c for c in both if not c.label]]
    task.validation = shuffled(task.validation)
    n = len(task.validation)
    # Standard error of the AUC of a guess over n crops, half of them with a nodule.
    error = np.sqrt((n + 1) / (12 * (n / 2) ** 2))
    assert abs(left_out_auc(task, tmp_path) - 0.5) < 3 * error < 0.3
