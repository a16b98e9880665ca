"""Mask R-CNN learns in the one loop: planted nodules are found, and a kill changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.builders import make_stack
from helpers.settings import MASKRCNN
from helpers.stopping import StopAfter
from nodules.inference.maskrcnn import predict
from nodules.learning.loop import train
from nodules.learning.networks import bundle, maskrcnn
from nodules.learning.networks.weights import weights_sha256
from nodules.learning.state import Plan
from nodules.learning.tasks.instances import InstanceTask
from nodules.learning.tasks.slices import SliceTask

CPU = torch.device("cpu")
# Two nodules of unlike size that share a slice.
NODULES = [((5, 20, 20), 8), ((5, 44, 40), 5)]


@pytest.fixture
def stacks(tmp_path):
    return [
        make_stack(tmp_path, f"2.25.{i}", (6, 32, 32), [((3, 12, 20), 3)], seed=i) for i in (1, 2)
    ]


@pytest.fixture
def task(stacks):
    return InstanceTask(stacks[:1], stacks[1:], MASKRCNN, seed=1, fold=0)


@pytest.fixture
def plan(tmp_path):
    return Plan("maskrcnn", 0, 2, 2, 0.001, "cosine", 1, tmp_path / "run", "print")


def build(seed):
    return maskrcnn.build(bundle.shape_of("maskrcnn", MASKRCNN), seed)


def trained(task, plan):
    network = build(seed=3)
    return weights_sha256(network), train(network, task, plan, CPU), weights_sha256(network)


def test_it_is_shown_the_unets_own_slices(stacks):
    ours, theirs = (kind(stacks, [], MASKRCNN, 1, 0) for kind in (InstanceTask, SliceTask))
    assert ours.epoch(1) == theirs.epoch(1) and ours.epoch(2) == theirs.epoch(2)
    key = ours.positive[0]
    (image, labels), (same, mask) = (
        t.sample(key, np.random.default_rng(0)) for t in (ours, theirs)
    )
    assert np.array_equal(image, same) and np.array_equal(labels > 0, mask > 0)


def test_stopped_by_sigterm_and_resumed_equals_uninterrupted(task, plan):
    fresh, history, whole = trained(task, plan)
    steps = len(task.epoch(1)) // plan.batch
    for batches in (1, steps):  # within an epoch, and just before its left-out scans are judged
        cut = replace(plan, folder=plan.folder / f"cut_{batches}")
        with pytest.raises(SystemExit):
            train(build(seed=3), StopAfter(task, batches), cut, CPU)
        _, resumed_history, resumed = trained(task, cut)
        assert resumed == whole != fresh
        timeless = [c for c in history if c != "seconds"]
        assert history[timeless].equals(resumed_history[timeless])


def test_slices_without_a_nodule_train_without_error(stacks):
    task = InstanceTask(stacks, [], MASKRCNN, 1, 0)
    network = build(0).train()
    image, labels = task.sample(task.empty[0], np.random.default_rng(0))
    assert not labels.any()
    inputs = torch.from_numpy(np.stack([image, image])).float() / 255
    loss = task.loss(network, inputs, torch.from_numpy(np.stack([labels, labels])))
    loss.backward()
    assert loss.isfinite() and loss > 0
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert all(g.isfinite().all() for g in gradients)


@pytest.mark.slow
def test_planted_nodules_are_found_after_training_on_them(tmp_path):
    stack = make_stack(tmp_path, shape=(11, 64, 64), nodules=NODULES)
    settings = replace(MASKRCNN, repeat=80, batch=4, epochs=1, augment=False)
    task = InstanceTask([stack], [], settings, 1, 0)
    plan = Plan("maskrcnn", 0, 1, 4, 0.003, "cosine", 1, tmp_path / "run", "print")
    network = build(seed=3)
    train(network, task, plan, CPU)
    volume, confidence = predict([network.eval()], stack, 1, CPU)
    truth = np.stack([stack.labels(z) > 0 for z in range(11)])
    found = volume >= 0.5
    dice = 2 * (found & truth).sum() / (found.sum() + truth.sum())
    assert dice > 0.8
    assert confidence[stack.nodule_slices].min() > 0.5 > confidence[stack.empty_slices].max()
