"""Attention gates: open they change nothing, shut they let no skip through; maps can be drawn."""

import pytest
import torch

from nodules.learning.networks import attention_unet, unet
from nodules.learning.networks.weights import weights_sha256

SETTINGS = {"filters": 4, "depth": 3, "context": 1}
IMAGES = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))


def gated(logit=None):
    """An attention U-Net; with a logit, gates that all answer its sigmoid wherever they look."""
    network = attention_unet.build(SETTINGS, 1).eval()
    for gate in network.gates if logit is not None else ():
        torch.nn.init.zeros_(gate.weigh.weight)
        torch.nn.init.constant_(gate.weigh.bias, logit)
    return network


def plain_with_the_weights_of(network):
    """The U-Net without gates, all other weights the same."""
    plain = unet.build(SETTINGS, 2).eval()
    state = {n: t for n, t in network.state_dict().items() if not n.startswith("gates.")}
    plain.load_state_dict(state)
    return plain


def test_it_gives_one_logit_per_pixel():
    assert gated()(IMAGES).shape == (2, 1, 32, 48)


@torch.inference_mode()
def test_with_gates_forced_open_it_is_the_plain_unet():
    network = gated(logit=100.0)
    plain = plain_with_the_weights_of(network)
    assert torch.equal(network(IMAGES), plain(IMAGES))
    assert not torch.equal(gated()(IMAGES), plain(IMAGES))


@torch.inference_mode()
def test_with_gates_shut_no_skip_reaches_the_decoder():
    network = gated(logit=-200.0)
    plain = plain_with_the_weights_of(network)
    for merge in plain.merge:
        half = merge[0].in_channels // 2
        merge[0].weight[:, :half] = 0  # where the skip's channels come in
    assert torch.allclose(network(IMAGES), plain(IMAGES), atol=1e-6)


def test_training_starts_with_gates_nearly_open():
    maps = gated().gate_maps(IMAGES)
    assert maps.min() > 0.85 and maps.max() < 1


@torch.inference_mode()
def test_maps_are_of_every_gate_on_the_images_own_grid():
    network = gated()
    maps = network.gate_maps(IMAGES)
    assert maps.shape == (2, 2, 32, 48)
    assert maps.min() >= 0 and maps.max() <= 1
    # Each image has maps of its own, and the finest gate's is the one that weighs its skip.
    assert torch.allclose(maps[:, :1], network.gate_maps(IMAGES[:1]), atol=1e-6)
    assert torch.equal(maps[-1], network.answer(IMAGES)[1][-1][:, 0])


def test_a_gate_has_the_parameters_of_the_paper_and_no_more():
    """Skip to half its channels by 2 x 2 without bias, signal by 1 x 1, and one weight each."""
    gate = attention_unet.Gate(8, 16)
    assert sum(p.numel() for p in gate.parameters()) == 4 * 8 * 4 + (16 * 4 + 4) + (4 + 1)


@pytest.mark.parametrize("level", [0, 1])
def test_gates_learn(level):
    network = attention_unet.build(SETTINGS, 1)
    network(IMAGES).square().mean().backward()
    assert network.gates[level].skip.weight.grad.abs().sum() > 0
    assert network.gates[level].signal.weight.grad.abs().sum() > 0


def test_weights_depend_on_the_seed_and_are_not_the_unets():
    hashes = [weights_sha256(attention_unet.build(SETTINGS, seed)) for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]
    first = "down.0.0.weight"
    own, other = (n.build(SETTINGS, 1).state_dict()[first] for n in (attention_unet, unet))
    assert own.shape == other.shape and not torch.equal(own, other)
