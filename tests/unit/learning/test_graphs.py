"""Graphs answer and learn as the network does, kernel by kernel; those tests need a GPU."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from helpers.settings import ATTENTION, PRESENCE, TRANSFORMER, UNET
from nodules.learning import graphs
from nodules.learning.machine import autocast, placed, to_device
from nodules.learning.networks import bundle

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
GPU = torch.device("cuda")
SHAPES = {settings.network: (settings, (3, 64, 64)) for settings in (UNET, ATTENTION, TRANSFORMER)}
SHAPES |= {
    "resnet": (PRESENCE, (3, 64, 64)),
    "unet3d": ({"widths": [8, 16]}, (1, 32, 32, 32)),
    "reducer3d": ({"widths": [8, 16], "cube": 16}, (1, 16, 16, 16)),
}
BATCH = 4


def test_on_the_cpu_a_network_is_asked_as_it_is():
    network = torch.nn.Conv2d(1, 1, 3)
    assert graphs.of(network, BATCH, torch.device("cpu")) is network


def test_only_full_batches_of_one_tensor_are_recorded_and_only_once(monkeypatch):
    asked = []
    monkeypatch.setattr(graphs, "recorded", lambda network, inputs: asked.append(inputs) or network)
    network = torch.nn.Flatten()
    graphed = graphs.Graphed(network, BATCH)
    full, rest = torch.zeros(BATCH, 2, 2), torch.zeros(BATCH - 1, 2, 2)
    for inputs in (rest, full, full, rest):
        assert torch.equal(graphed(inputs), network(inputs))
    assert asked == [full]
    two = graphs.Graphed(lambda images, targets: (images, targets), BATCH)
    assert two([full], [rest]) == ([full], [rest]) and len(asked) == 1


def made(name):
    settings, shape = SHAPES[name]
    given = settings if isinstance(settings, dict) else bundle.shape_of(name, settings)
    return placed(bundle.architecture(name).build(given, 1), GPU).train(), shape


def step(network, asked, inputs):
    """Answer, gradients and batch statistics of one training step."""
    network.zero_grad(set_to_none=True)
    torch.manual_seed(5)  # a network may draw what it leaves out
    with autocast(GPU):
        answer = asked(inputs)
        first = (answer[0] if isinstance(answer, tuple) else answer).float()
        binary_cross_entropy_with_logits(first, torch.full_like(first, 0.3)).backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    return [first.detach().clone(), *(g.clone() for g in gradients), *network.buffers()]


@needs_gpu
@pytest.mark.parametrize("name", SHAPES)
def test_a_graph_answers_and_learns_as_the_network_does(name):
    one, shape = made(name)
    other, _ = made(name)
    graphed = graphs.of(other, BATCH, GPU)
    for number in range(3):
        grey = torch.randint(0, 256, (BATCH, *shape), dtype=torch.uint8)
        inputs = to_device(grey, GPU)
        plain, replayed = step(one, one, inputs), step(other, graphed, inputs)
        assert len(plain) == len(replayed)
        for a, b in zip(plain, replayed, strict=True):
            far = (a.double() - b.double()).norm() / a.double().norm().clamp(min=1e-6)
            assert far < 0.02, f"step {number}: {far:.4f}"


@needs_gpu
@pytest.mark.parametrize("name", SHAPES)
def test_recording_leaves_no_trace(name):
    network, shape = made(name)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    inputs = torch.rand(BATCH, *shape, device=GPU)
    drawn = torch.cuda.get_rng_state()
    with autocast(GPU):
        graphs.recorded(network, inputs)
    assert all(torch.equal(before[k], value) for k, value in network.state_dict().items())
    assert torch.equal(drawn, torch.cuda.get_rng_state())
    assert all(p.grad is None for p in network.parameters())
