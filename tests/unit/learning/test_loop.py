"""A training that is killed and goes on ends with the very weights of one that was not."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.builders import make_stack
from helpers.settings import UNET
from helpers.sources import ROOT
from helpers.stopping import StopAfter, stop_after
from nodules.base.files import UserError
from nodules.learning import graphs
from nodules.learning.loop import train
from nodules.learning.networks import bundle, unet
from nodules.learning.networks.weights import apply_state, load_state, weights_sha256
from nodules.learning.state import Plan, fingerprint, resume
from nodules.learning.tasks.slices import SliceTask

CPU = torch.device("cpu")


@pytest.fixture
def task(tmp_path):
    stacks = [
        make_stack(tmp_path, f"2.25.{i}", (6, 16, 16), [((3, 8, 8), 3)], seed=i) for i in range(3)
    ]
    return SliceTask(stacks[:2], stacks[2:], UNET, seed=1, fold=0)


@pytest.fixture
def plan(tmp_path):
    return Plan("unet", 0, UNET.epochs, UNET.batch, 0.01, "cosine", 1, tmp_path / "run", "print")


def build(seed):
    return unet.build(bundle.shape_of("unet", UNET), seed)


def trained(task, plan):
    network = build(seed=3)
    history = train(network, task, plan, CPU)
    return weights_sha256(network), history


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(task, plan):
    first, _ = trained(task, plan)
    second, _ = trained(task, replace(plan, folder=plan.folder / "again"))
    other, _ = trained(task, replace(plan, folder=plan.folder / "other", seed=2))
    assert first == second != other


@pytest.mark.parametrize(("batches", "workers"), [(1, 0), (2, 0), (4, 0), (5, 0), (2, 2), (5, 2)])
def test_stopped_by_sigterm_and_resumed_equals_uninterrupted(task, plan, batches, workers):
    whole, history = trained(task, plan)
    cut = replace(plan, folder=plan.folder / "cut", workers=workers)
    with pytest.raises(SystemExit) as stop:
        train(build(seed=3), StopAfter(task, batches), cut, CPU)
    assert stop.value.code == 128 + signal.SIGTERM
    resumed, resumed_history = trained(task, cut)
    assert resumed == whole
    timeless = [c for c in history if c != "seconds"]
    assert history[timeless].equals(resumed_history[timeless])


class Told:
    """A task that tells each batch's size and loss."""

    def __init__(self, task):
        self.task, self.told = task, []

    def __getattr__(self, name):
        return getattr(self.task, name)

    def loss(self, network, inputs, targets):
        loss = self.task.loss(network, inputs, targets)
        self.told.append((len(inputs), loss.item()))
        return loss


def test_an_epochs_loss_is_the_mean_over_its_samples(task, plan):
    """Also where its last batch is smaller."""
    asked = Told(task)
    _, history = trained(asked, replace(plan, batch=5))
    each = len(asked.told) // 2
    for epoch, mean in enumerate(history["train_loss"]):
        sizes, losses = zip(*asked.told[epoch * each : (epoch + 1) * each], strict=True)
        assert sizes[-1] < sizes[0] == 5
        assert mean == pytest.approx(np.average(losses, weights=sizes), rel=1e-6)


@pytest.mark.parametrize("batches", [2, 5])
def test_a_loss_that_is_recorded_is_asked_in_the_same_way(task, plan, batches, monkeypatch):
    """Without the GPU's part: it stops in the midst and goes on, to another epoch."""
    whole, history = trained(task, plan)
    monkeypatch.setattr(graphs, "record", lambda *_: None)
    monkeypatch.setattr(
        graphs, "of", lambda task, network, batch, _: graphs.Graphed(task, network, batch)
    )
    cut = replace(plan, folder=plan.folder / "cut")
    with pytest.raises(SystemExit), monkeypatch.context() as patched:
        stop_after(patched, batches)
        trained(task, cut)
    resumed, resumed_history = trained(task, cut)
    assert resumed == whole
    timeless = [c for c in history if c != "seconds"]
    assert history[timeless].equals(resumed_history[timeless])


STOPPED = """
import pathlib, sys, time
import torch
from torch import nn
from nodules.learning.loop import train
from nodules.learning.state import Plan

class Slow:
    def epoch(self, epoch):
        return list(range(4000))
    def sample(self, key, rng):
        return rng.integers(0, 256, (1, 4, 4)).astype("uint8"), rng.random(1).astype("float32")
    def loss(self, network, inputs, targets):
        print("trains", flush=True)
        time.sleep(0.02)
        return network(inputs).mean()

plan = Plan("unet", 0, 1, 4, 0.01, "cosine", 1, pathlib.Path(sys.argv[1]), "print", workers=2)
network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten())
train(network, Slow(), plan, torch.device("cpu"))
"""


def test_a_signal_to_all_its_processes_stops_a_training_that_saves_its_state(plan):
    """As SLURM sends it; the processes that make its batches get it, too."""
    job = subprocess.Popen(
        [sys.executable, "-c", STOPPED, plan.folder],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert job.stdout.readline() == b"trains\n"
    os.killpg(job.pid, signal.SIGTERM)
    job.communicate(timeout=60)
    assert job.returncode == 128 + signal.SIGTERM and plan.state_path.exists()
    with pytest.raises(ProcessLookupError):  # none is left
        os.killpg(job.pid, 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("batches", [2, 5])
def test_on_a_gpu_a_resumed_training_is_shown_and_learns_the_same(task, plan, batches, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    gpu, networks, histories = torch.device("cuda"), [], []
    for name in ("whole", "cut"):
        own = replace(plan, folder=plan.folder / name, workers=2, learning_rate=0.001)
        if name == "cut":
            with pytest.raises(SystemExit), monkeypatch.context() as patched:
                stop_after(patched, batches)
                train(build(seed=3), task, own, gpu)
        networks.append(build(seed=3))
        histories.append(train(networks[-1], task, own, gpu))
    assert list(histories[0]["samples"]) == list(histories[1]["samples"])
    assert list(histories[0]["train_loss"]) == pytest.approx(list(histories[1]["train_loss"]), 1e-3)
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_a_finished_training_is_not_repeated(task, plan):
    first, history = trained(task, plan)
    again, same = trained(StopAfter(task, 1), plan)
    assert again == first and same.equals(history)


def test_state_of_another_config_is_refused(task, plan, caplog):
    trained(task, plan)
    state = plan.state_path.read_bytes()
    changed = replace(plan, fingerprint="other")
    assert resume(changed, *fresh(), CPU).epoch == 1
    assert "another config, data or code" in caplog.text
    assert plan.state_path.read_bytes() == state


def test_nothing_of_another_config_stays_beside_the_new_weights(task, plan):
    trained(task, plan)
    trained(task, replace(plan, epochs=1, fingerprint="other"))
    assert plan.checkpoint(1).exists() and plan.picture(1).exists()
    assert not plan.checkpoint(2).exists() and not plan.picture(2).exists()


def test_broken_state_is_refused(task, plan, caplog):
    trained(task, plan)
    plan.state_path.write_bytes(plan.state_path.read_bytes()[:100])
    assert resume(plan, *fresh(), CPU).epoch == 1
    assert "cannot be read" in caplog.text


def fresh():
    network = build(seed=3)
    return network, torch.optim.Adam(network.parameters())


def test_checkpoint_overlay_and_history_for_every_epoch(task, plan):
    final, history = trained(task, plan)
    assert list(history["epoch"]) == [1, 2]
    assert all(plan.checkpoint(e).exists() and plan.picture(e).exists() for e in (1, 2))
    network = build(seed=9)
    apply_state(network, load_state(plan.checkpoint(2)), plan.checkpoint(2))
    assert weights_sha256(network) == final == history["weights_sha256"].iloc[-1]


def test_loss_falls(task, plan):
    _, history = trained(task, replace(plan, epochs=40, learning_rate=0.03, schedule="constant"))
    assert history["train_loss"].iloc[-1] < 0.5 * history["train_loss"].iloc[0]


@pytest.mark.parametrize("shown", [0, 1])
def test_an_epoch_from_which_nothing_is_learned_has_no_loss_and_says_so(
    task, plan, shown, caplog, monkeypatch
):
    """No samples, or a lone one, of which batch normalisation cannot learn."""
    monkeypatch.setattr(task, "epoch", lambda _: task.positive[:shown])
    before = weights_sha256(build(seed=3))
    final, history = trained(task, plan)
    assert final == before and history["train_loss"].isna().all()
    assert list(history["samples"]) == [0, 0] and history["val_loss"].notna().all()
    assert f"fold 0: samples in an epoch: {shown}," in caplog.text
    assert sum("samples in an epoch" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("last", [False, True], ids=["early", "in the last step"])
def test_a_training_that_diverges_stops_with_a_remedy(task, plan, monkeypatch, last):
    """Before anything is asked of the network: measures do not take what is not a number."""
    monkeypatch.setattr(task, "validate", lambda *_: pytest.fail("the network is asked"))
    network = build(seed=3)
    if last:
        plan = replace(plan, batch=1000, learning_rate=float("inf"))
    else:
        torch.nn.init.constant_(network.last.bias, float("nan"))
    with pytest.raises(UserError, match=r"diverged.*learning_rate"):
        train(network, task, plan, CPU)


def test_loader_workers_give_the_same_weights(task, plan):
    alone, _ = trained(task, plan)
    helped, _ = trained(task, replace(plan, folder=plan.folder / "workers", workers=2))
    assert alone == helped


def test_fingerprint_changes_with_settings_data_and_code(tmp_path):
    data, code = tmp_path / "slices.npy", tmp_path / "code.py"
    np.save(data, np.zeros(3))
    code.write_text("a = 1")
    first = fingerprint({"a": 1}, [str(data)], [str(code)])
    assert first == fingerprint({"a": 1}, [str(data)], [str(code)])
    assert first != fingerprint({"a": 2}, [str(data)], [str(code)])
    code.write_text("a = 2")
    second = fingerprint({"a": 1}, [str(data)], [str(code)])
    np.save(data, np.zeros(4))
    assert len({first, second, fingerprint({"a": 1}, [str(data)], [str(code)])}) == 3


def test_the_learning_rate_is_constant_or_falls_to_zero(plan):
    assert [plan.rate_at(done) for done in (0, 0.5, 1)] == pytest.approx([0.01, 0.005, 0])
    assert replace(plan, schedule="constant").rate_at(0.7) == 0.01
