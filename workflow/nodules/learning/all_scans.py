"""Networks trained on every scan of a run, for a model that leaves it.

No scan is left to judge them. Everything else is as for a fold: settings, order, draws, loop and
state. What a fold's training tells of its left-out scans is here of the very scans that are trained
on, which says how far the training got and nothing of how good the network is.
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
    """As `loop.run`, on all scans; the manifest says so."""
    loop.run(job, model, settings, make_task, stream, scans=stacks)
    told = read_json(job.output.manifest)
    told["trained_on"] |= {"scans_left_out": 0, "all_scans": True}
    write_json(job.output.manifest, told)


def stacks(job: Any, fold: int) -> tuple[list[Stack], list[Stack]]:
    """All scans' stacks with their masks, to learn from and to look at, whatever the fold."""
    table = tables.read(job.input.folds, "folds")
    folds.assert_disjoint(table)
    found = open_stacks(job.input.stacks, list(table["seriesuid"]), job.params.kind)
    return found, found


def sides(labels: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labelled nodules to learn from and to look at (table `malignancy_labels`): all, twice."""
    labelled = labels[labels["label"].isin(CLASSES)]
    return labelled, labelled
