"""Trainings in 3-D: killed and resumed they end with the same weights, and they learn."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.stopping import StopAfter
from helpers.volumes import volume
from nodules.base import tables
from nodules.base.files import UserError
from nodules.learning.loop import train
from nodules.learning.networks import bundle
from nodules.learning.networks.weights import weights_sha256
from nodules.learning.state import Plan
from nodules.learning.tasks.patches3d import HeatTask, UNet3DSettings
from nodules.learning.tasks.reduction import CubeTask, ReductionSettings

CPU = torch.device("cpu")
NODULES = [((30.0, 40.0, 50.0), 8.0), ((60.0, 50.0, 30.0), 12.0)]
PATCHES = UNet3DSettings(
    "unet3d", 2, 2, 0.01, "warmup", [4, 6], 16, 8, 0.5, 0.25, mined=0.0, pasted=0.5, zoom=0.1
)
MINED = replace(PATCHES, mined=0.25)
CUBES = ReductionSettings("reducer3d", 2, 4, 0.01, "warmup", [4, 6], 16, 16, mined=0.5, pasted=0.5)
each = pytest.mark.parametrize(
    "settings", [PATCHES, MINED, CUBES], ids=["unet3d", "mined", "cubes"]
)


@pytest.fixture
def scans(tmp_path):
    return [volume(tmp_path, NODULES, f"1.{i}", seed=i) for i in range(2)]


def task_of(scans, settings):
    """The task of these settings on two scans, of which one is left out."""
    if isinstance(settings, UNet3DSettings):
        return HeatTask(scans[:1], scans[1:], settings, 1, 0)
    scan = scans[0][0]
    world = scan.grid.to_world(np.array([(20, 20, 20), (70, 70, 70)]))
    rows = pd.DataFrame(world, columns=["x", "y", "z"]).assign(
        seriesuid=scan.uid, candidate=[1, 2], diameter_mm=5.0, probability=0.3, volume_mm3=65.0
    )
    alarms = tables.frame("candidates", rows.assign(n_slices=5))
    return CubeTask(scans[:1], scans[1:], settings, 1, 0, alarms)


def trained(task, settings, folder, workers=0):
    """A fresh network after a training, and the history."""
    shape = bundle.shape_of(settings.network, settings)
    network = bundle.architecture(settings.network).build(shape, 3)
    plan = Plan(
        *(settings.network, 0, settings.epochs, settings.batch, settings.learning_rate),
        *(settings.schedule, 1, folder, "print", workers),
    )
    return weights_sha256(network), train(network, task, plan, CPU), weights_sha256(network)


@each
@pytest.mark.parametrize("batches", [1, 4, 6])
def test_stopped_and_resumed_equals_uninterrupted(scans, settings, batches, tmp_path):
    _, history, whole = trained(task_of(scans, settings), settings, tmp_path / "whole")
    with pytest.raises(SystemExit):
        trained(StopAfter(task_of(scans, settings), batches), settings, tmp_path / "cut")
    _, again, resumed = trained(task_of(scans, settings), settings, tmp_path / "cut")
    assert resumed == whole
    timeless = [c for c in history if c != "seconds"]
    assert history[timeless].equals(again[timeless])


@each
def test_loss_falls_and_a_picture_is_drawn(scans, settings, tmp_path):
    more = replace(settings, epochs=20)
    before, history, after = trained(task_of(scans, more), more, tmp_path / "run")
    assert before != after
    assert history["train_loss"].iloc[-1] < 0.8 * history["train_loss"].iloc[0]
    assert np.isfinite(history["val_loss"]).all()
    assert (tmp_path / "run/overlays/epoch_20.png").stat().st_size > 1000


class Killed(BaseException):
    """What nothing catches, as SIGKILL."""


class KilledAfter(StopAfter):
    """A task under which the process dies after some batches, without a moment to save."""

    def loss(self, network, inputs, targets):
        self.left -= 1
        if self.left == 0:
            raise Killed
        return self.task.loss(network, inputs, targets)


@each
def test_killed_without_notice_it_goes_on_from_the_last_epoch(scans, settings, tmp_path):
    _, history, whole = trained(task_of(scans, settings), settings, tmp_path / "whole")
    epoch = history["samples"].iloc[0] // settings.batch
    with pytest.raises(Killed):
        trained(KilledAfter(task_of(scans, settings), epoch + 1), settings, tmp_path / "cut")
    assert (tmp_path / "cut/training_state.pt").exists()
    _, again, resumed = trained(task_of(scans, settings), settings, tmp_path / "cut")
    assert resumed == whole and list(again["epoch"]) == [1, 2]


def test_a_checkpoint_that_somebody_deleted_is_told_with_what_to_do(scans, tmp_path):
    """Hard negatives of a resumed epoch are those of the checkpoint before, which must be there."""
    batches = trained(task_of(scans, MINED), MINED, tmp_path / "whole")[1]["samples"][0] // 2
    with pytest.raises(SystemExit):
        trained(StopAfter(task_of(scans, MINED), batches + 1), MINED, tmp_path / "cut")
    (tmp_path / "cut/checkpoints/epoch_01.pt").unlink()
    with pytest.raises(UserError, match=r"epoch_01\.pt: is missing.*Delete .*training_state\.pt"):
        trained(task_of(scans, MINED), MINED, tmp_path / "cut")
    (tmp_path / "cut/training_state.pt").unlink()
    assert len(trained(task_of(scans, MINED), MINED, tmp_path / "cut")[1]) == MINED.epochs


@each
def test_loader_workers_give_the_same_weights(scans, settings, tmp_path):
    """As beside a GPU, where others load; also where they take over after a kill."""
    _, _, alone = trained(task_of(scans, settings), settings, tmp_path / "alone")
    with pytest.raises(SystemExit):
        trained(StopAfter(task_of(scans, settings), 1), settings, tmp_path / "cut", workers=2)
    _, _, helped = trained(task_of(scans, settings), settings, tmp_path / "cut", workers=2)
    assert helped == alone
