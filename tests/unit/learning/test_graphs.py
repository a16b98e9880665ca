"""Graphs answer and learn as a task does, kernel by kernel; those tests need a GPU.

Whether a graph can hold a loss is asked without one: on PyTorch's "meta" device, tensors have a
shape and no values, so that nothing can wait for a value.
"""

import importlib
import pkgutil
from contextlib import nullcontext
from functools import partial

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from helpers.settings import ATTENTION, LUNGS, MALIGNANCY, PRESENCE, TRANSFORMER, UNET
from nodules.learning import graphs, tasks
from nodules.learning.machine import autocast, placed, to_device
from nodules.learning.networks import bundle
from nodules.learning.tasks.instances import InstanceTask
from nodules.learning.tasks.lungs import LungTask
from nodules.learning.tasks.malignancy import NoduleTask
from nodules.learning.tasks.patches3d import HeatTask
from nodules.learning.tasks.presence import CropTask
from nodules.learning.tasks.reduction import CubeTask
from nodules.learning.tasks.segmenters import SegmenterTask
from nodules.learning.tasks.slices import SliceTask

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
GPU, META = torch.device("cuda"), torch.device("meta")
BATCH = 4
IN_3D = {"widths": [8, 16]}
U8, F32 = torch.uint8, torch.float32
# Task, network, its settings, shape of an input, and shape and type of a target.
TRAININGS = [
    (SliceTask, "unet", UNET, (3, 64, 64), (1, 64, 64), U8),
    (SegmenterTask, "attention_unet", ATTENTION, (3, 64, 64), (1, 64, 64), U8),
    (SegmenterTask, "transformer", TRANSFORMER, (3, 64, 64), (1, 64, 64), U8),
    (LungTask, "unet", LUNGS, (1, 64, 64), (1, 64, 64), U8),
    (CropTask, "resnet", PRESENCE, (3, 64, 64), (), F32),
    (NoduleTask, "resnet", MALIGNANCY, (3, 64, 64), (), F32),
    (NoduleTask, "reducer3d", IN_3D | {"cube": 16}, (1, 16, 16, 16), (), F32),
    (HeatTask, "unet3d", IN_3D, (1, 32, 32, 32), (3, 16, 16, 16), F32),
    (CubeTask, "reducer3d", IN_3D | {"cube": 16}, (1, 16, 16, 16), (1, 16, 16, 16), U8),
]
each = pytest.mark.parametrize(
    "training", TRAININGS, ids=lambda given: f"{given[0].__name__} {given[1]}"
)


def made(training, device):
    """A training's task, without a scan as its loss looks at none, and its network."""
    kind, name, settings, *_ = training
    task = object.__new__(kind)
    task.weights = [0.75, 1.5]  # the classes', of a task that has them
    given = settings if isinstance(settings, dict) else bundle.shape_of(name, settings)
    return task, placed(bundle.architecture(name).build(given, 1), device).train()


def batch(training, device, size=BATCH):
    """Inputs of any grey, and targets of 0 and 1."""
    *_, inputs, targets, kind = training
    grey = torch.randint(0, 256, (size, *inputs), dtype=torch.uint8)
    return to_device(grey, device), torch.randint(0, 2, (size, *targets), dtype=kind).to(device)


class Listening(TorchDispatchMode):
    """Every operation, of which `from_host` name those that take or make a tensor on the CPU."""

    def __init__(self):
        super().__init__()
        self.all, self.from_host = [], []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        answer = operation(*args, **(kwargs or {}))
        tensors = [t for t in tree_leaves((args, kwargs, answer)) if isinstance(t, torch.Tensor)]
        self.all.append(str(operation))
        if any(tensor.device != META for tensor in tensors) or "lift" in str(operation):
            self.from_host.append(str(operation))
        return answer


def listened(loss, inputs, targets):
    """What a loss and its gradients do on a device whose values nobody can see."""
    with Listening() as heard:
        loss(inputs, targets).backward()
    return heard


@each
def test_a_graph_can_hold_the_loss(training):
    task, network = made(training, META)
    heard = listened(partial(task.loss, network), *batch(training, META))
    assert len(heard.all) > 10 and not heard.from_host
    assert all(weight.grad is not None for weight in network.parameters())


def test_a_loss_that_waits_for_the_gpu_or_is_fed_by_the_cpu_is_seen():
    given = torch.zeros(2, 3, device=META, requires_grad=True), torch.ones(2, device=META)
    with pytest.raises(NotImplementedError):
        listened(lambda inputs, targets: inputs[targets > 0].sum(), *given)
    with pytest.raises(RuntimeError):
        listened(lambda inputs, targets: inputs.sum() / float(targets.sum()), *given)
    for factor in (lambda: torch.tensor([1.0]).to(META), lambda: torch.tensor([1.0], device=META)):
        heard = listened(lambda inputs, _, factor=factor: (inputs * factor()).sum(), *given)
        assert heard.from_host
    assert not listened(
        lambda inputs, targets: (2 * inputs.sum(1) * targets).sum(), *given
    ).from_host


def test_every_task_is_among_these_or_says_that_its_loss_varies():
    modules = [
        importlib.import_module(m.name)
        for m in pkgutil.iter_modules(tasks.__path__, "nodules.learning.tasks.")
    ]
    kinds = {
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and hasattr(kind, "loss") and hasattr(kind, "sample")
    }
    assert {kind for kind in kinds if getattr(kind, "varies", False)} == {InstanceTask}
    assert kinds - {InstanceTask} == {kind for kind, *_ in TRAININGS}


def test_only_on_a_gpu_and_only_what_does_not_vary_is_recorded():
    task, network = made(TRAININGS[0], torch.device("cpu"))
    given = batch(TRAININGS[0], torch.device("cpu"))
    plain = graphs.of(task, network, BATCH, torch.device("cpu"))
    assert torch.equal(plain(*given), task.loss(network, *given))
    assert isinstance(graphs.of(task, network, BATCH, GPU), graphs.Graphed)
    assert not isinstance(
        graphs.of(object.__new__(InstanceTask), network, BATCH, GPU), graphs.Graphed
    )


class Mean:
    """A loss that lists the sizes of the batches of which it is asked."""

    def __init__(self):
        self.asked = []

    def loss(self, network, inputs, targets):
        self.asked.append(len(inputs))
        return (network(inputs) - targets).square().mean()


def test_only_full_batches_are_recorded_and_only_once(monkeypatch):
    recorded = []
    monkeypatch.setattr(graphs, "record", lambda *given: recorded.append(given))
    network, task = torch.nn.Linear(2, 1), Mean()
    loss = graphs.Graphed(task, network, BATCH)
    full, rest = torch.ones(BATCH, 2), torch.ones(BATCH - 1, 2)
    for inputs in (rest, full, full, rest):
        targets = torch.zeros(len(inputs), 1)
        assert torch.equal(loss(inputs, targets), Mean().loss(network, inputs, targets))
    ((_, inputs, targets),) = recorded
    assert inputs is full and targets.shape == (BATCH, 1)
    assert task.asked == [BATCH - 1, BATCH, BATCH, BATCH - 1]


def test_where_memory_is_short_it_is_said_once_and_training_goes_on(monkeypatch, caplog):
    tried = []

    def fails(*given):
        tried.append(given)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(graphs, "record", fails)
    task = Mean()
    loss = graphs.Graphed(task, torch.nn.Linear(2, 1), BATCH)
    for _ in range(3):
        loss(torch.ones(BATCH, 2), torch.zeros(BATCH, 1)).backward()
    assert len(tried) == 1 and task.asked == [BATCH] * 3
    (message,) = caplog.messages
    assert "Too little GPU memory" in message and "slower" in message


def test_what_no_graph_can_hold_is_an_error_with_its_remedy(monkeypatch):
    def fails(*_):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(graphs, "record", fails)
    loss = graphs.Graphed(Mean(), torch.nn.Linear(2, 1), BATCH)
    with pytest.raises(RuntimeError, match="not permitted") as failed:
        loss(torch.ones(BATCH, 2), torch.zeros(BATCH, 1))
    assert "varies = True" in failed.value.__notes__[0]


@pytest.mark.parametrize(
    ("fails", "free"),
    [(False, 800), (True, 800), (False, 799)],
    ids=["enough memory", "too little", "too little beside graphs"],
)
def test_steps_before_a_recording_leave_batch_statistics_as_they_were(monkeypatch, fails, free):
    """On the CPU, with what belongs to a GPU taken out; the graphs hold 800 bytes."""
    network = torch.nn.BatchNorm1d(2)
    reserved = iter((100, 900))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: next(reserved))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free, 5000))

    def make(whole, samples):
        whole(*samples)
        assert network.num_batches_tracked == 1
        if fails:
            raise torch.OutOfMemoryError("CUDA out of memory")

    for owner, name in (
        (torch.cuda, "device"),
        (torch.cuda, "stream"),
        (torch.cuda, "current_stream"),
        (torch.random, "fork_rng"),
    ):
        monkeypatch.setattr(owner, name, nullcontext)
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", make)
    whole = graphs.NetworkWithLoss(Mean(), network)
    with pytest.raises(torch.OutOfMemoryError) if fails or free < 800 else nullcontext():
        graphs.record(whole, torch.ones(BATCH, 2), torch.zeros(BATCH, 2))
    assert network.num_batches_tracked == 0 and not network.running_mean.any()


def step(network, loss, inputs, targets):
    """Loss, gradients and batch statistics of one training step."""
    network.zero_grad(set_to_none=True)
    torch.manual_seed(5)  # a network may draw what it leaves out
    with autocast(GPU):
        value = loss(inputs, targets)
    value.backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    return [value.detach().clone(), *(g.clone() for g in gradients), *network.buffers()]


@needs_gpu
@each
def test_a_graph_answers_and_learns_as_the_task_does(training):
    task, one = made(training, GPU)
    _, other = made(training, GPU)
    graphed = graphs.of(task, other, BATCH, GPU)
    for number in range(3):
        given = batch(training, GPU)
        plain = step(one, partial(task.loss, one), *given)
        replayed = step(other, graphed, *given)
        assert isinstance(graphed.of_full, graphs.NetworkWithLoss)
        assert len(plain) == len(replayed)
        for a, b in zip(plain, replayed, strict=True):
            far = (a.double() - b.double()).norm() / a.double().norm().clamp(min=1e-6)
            assert far < 0.02, f"step {number}: {far:.4f}"


@needs_gpu
@each
def test_recording_leaves_no_trace(training):
    task, network = made(training, GPU)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    given = batch(training, GPU)
    drawn = torch.cuda.get_rng_state()
    with autocast(GPU):
        graphs.record(graphs.NetworkWithLoss(task, network), *given)
    assert all(torch.equal(before[k], value) for k, value in network.state_dict().items())
    assert torch.equal(drawn, torch.cuda.get_rng_state())
    assert all(p.grad is None for p in network.parameters())


class TooLarge(CubeTask):
    """A task for whose recording memory runs out in its midst, after the steps that go ahead."""

    def loss(self, network, inputs, targets):
        if torch.cuda.is_current_stream_capturing():
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().loss(network, inputs, targets)


@needs_gpu
def test_after_memory_ran_out_the_gpu_goes_on_as_before(caplog):
    training = (TooLarge, *TRAININGS[-1][1:])  # whose network draws what it leaves out
    task, one = made(training, GPU)
    _, other = made(training, GPU)
    graphed, stream = graphs.of(task, other, BATCH, GPU), torch.cuda.current_stream()
    for _ in range(2):
        given = batch(training, GPU)
        plain, same = step(one, partial(task.loss, one), *given), step(other, graphed, *given)
        for a, b in zip(plain, same, strict=True):
            assert torch.allclose(a, b, atol=1e-3)
    assert graphed.of_full is graphed.plain and len(caplog.messages) == 1
    assert torch.cuda.current_stream() == stream and not torch.cuda.is_current_stream_capturing()
