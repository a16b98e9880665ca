"""Networks trained on every scan of a run, for a model to be exported.

No scan is left out to judge them by. Settings, order, random numbers, loop and state are as in a
fold's training. The validation columns of their history are measured on the training scans
themselves: they show how far the training got, not how good the network is.
"""

from typing import Any

import pandas as pd

from nodules.base import tables
from nodules.base.files import read_json, write_json
from nodules.datasets import folds
from nodules.findings.rule import CLASSES
from nodules.learning import loop
from nodules.learning.state import TrainingSettings
from nodules.prepare.stacks import Stack, open_stacks


def run(
    job: Any, model: str, settings: TrainingSettings, make_task: loop.MakeTask, stream: str = ""
) -> None:
    """Like `loop.run`, on all scans, which the manifest then states."""
    loop.run(job, model, settings, make_task, stream, scans=stacks)
    told = read_json(job.output.manifest)
    told["trained_on"] |= {"scans_left_out": 0, "all_scans": True}
    write_json(job.output.manifest, told)


def stacks(job: Any, fold: int) -> tuple[list[Stack], list[Stack]]:
    """Stacks of all scans with their masks, for training and again for validation."""
    table = tables.read(job.input.folds, "folds")
    folds.assert_disjoint(table)
    found = open_stacks(job.input.stacks, list(table["seriesuid"]), job.params.kind)
    return found, found


def sides(labels: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All labelled nodules (table `malignancy_labels`), for training and again for validation."""
    labelled = labels[labels["label"].isin(CLASSES)]
    return labelled, labelled
