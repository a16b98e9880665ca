"""Networks for a model of all scans: nothing is left out, and the manifest says so."""

from types import SimpleNamespace

import numpy as np
import pytest

from helpers import builders
from nodules.base import tables
from nodules.base.files import read_json
from nodules.learning import all_scans
from nodules.learning.tasks.slices import SliceTask, UNetSettings


@pytest.fixture
def job(tmp_path):
    """A rule's job on three scans, of which one is held out and one of a fold."""
    files, rows = [], []
    for k, fold in enumerate((-1, 0, 1)):
        uid = f"2.25.{k}"
        stack = builders.make_stack(tmp_path, uid, nodules=[((5, 30, 30), 8.0)], seed=k)
        files += [str(p) for p in (stack.array_path, stack.table_path, stack.masks_path)]
        rows.append({"seriesuid": uid, "patient": uid, "subset": k, "fold": fold, "n_nodules": 1})
    table = tmp_path / "folds.parquet"
    tables.write(table, "folds", tables.frame("folds", rows))
    out = tmp_path / "model"
    made = {"model": out / "model.pt", "manifest": out / "model.json"}
    return SimpleNamespace(
        input=_Named(stacks=files, folds=str(table), code=[], checked=""),
        output=SimpleNamespace(**made, history=out / "history.parquet"),
        params=SimpleNamespace(kind="readers", seed=1, facts={"input": {}, "output": "p"}),
        wildcards=SimpleNamespace(fold="2", get=lambda name: None),
        threads=1,
        resources={},
    )


class _Named(dict):
    """Snakemake's named inputs: by attribute, and as a mapping."""

    def __getattr__(self, name):
        return self[name]


def test_every_scan_is_learned_from_also_held_out_ones(job):
    training, watched = all_scans.stacks(job, 2)
    assert [s.uid for s in training] == ["2.25.0", "2.25.1", "2.25.2"] == [s.uid for s in watched]
    assert all(s.nodule_slices.size for s in training)


def test_the_manifest_says_that_no_scan_is_left_out(job):
    settings = UNetSettings.of(
        dict(network="unet", filters=2, depth=2, context=0, epochs=1, batch=4, learning_rate=0.001)
        | dict(schedule="constant", patch=32, empty_slices=1.0, repeat=1, augment=False)
    )
    job.output.model.parent.mkdir()
    all_scans.run(job, "unet", settings, SliceTask)
    told = read_json(job.output.manifest)["trained_on"]
    assert (told["scans"], told["scans_left_out"], told["all_scans"]) == (3, 0, True)
    history = tables.read(job.output.history, "history")
    assert np.isfinite(history["train_loss"]).all() and len(history) == 1
