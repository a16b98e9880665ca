"""The Swin U-Net: any size that its tokens fit, torchvision's encoder, weights by seed or file."""

import math

import pytest
import torch
from torchvision.models import swin_t
from torchvision.models.swin_transformer import SwinTransformer

from nodules.base.files import UserError
from nodules.learning.machine import GREY_MEAN, GREY_SPREAD
from nodules.learning.networks import transformer, unet
from nodules.learning.networks.weights import weights_sha256

SMALL = {
    "context": 1,
    "token_px": 2,
    "width": 8,
    "blocks": [2, 1, 1],
    "heads": [1, 2, 4],
    "window": 4,
}
SWIN_T = {"context": 1, "token_px": 4, "width": 96, "blocks": [2, 2, 6, 2], "heads": [3, 6, 12, 24]}
SWIN_T |= {"window": 7}


@torch.inference_mode()
@pytest.mark.parametrize("sides", [(64, 64), (72, 96), (160, 8), (512, 512)])
def test_it_gives_one_logit_per_pixel_of_any_size(sides):
    network = transformer.build(SMALL, 0).eval()
    assert network(torch.zeros(1, 3, *sides)).shape == (1, 1, *sides)


@pytest.mark.parametrize("context", [0, 2])
def test_it_takes_as_many_neighbours_as_asked_for(context):
    network = transformer.build(SMALL | {"context": context}, 0).eval()
    assert network(torch.zeros(2, 2 * context + 1, 32, 32)).shape == (2, 1, 32, 32)


def test_sides_that_tokens_do_not_fit_are_named_with_a_remedy():
    network = transformer.build(SMALL, 0).eval()
    message = r"60 x 64 pixels, but its sides must be multiples of 8\. Change slices\.size"
    with pytest.raises(UserError, match=message):
        network(torch.zeros(1, 3, 60, 64))


def test_it_starts_at_the_prior():
    network = transformer.build(SMALL, 0)
    torch.nn.init.zeros_(network.last.weight)
    probability = network(torch.rand(2, 3, 32, 32)).sigmoid()
    assert torch.allclose(probability, torch.tensor(unet.PIXEL_PRIOR), atol=1e-6)


@torch.inference_mode()
def test_the_encoder_is_torchvisions(tmp_path):
    """With a file's weights, what the last stage says is what torchvision's own network says."""
    given = SwinTransformer([2, 2], 8, [2, 1, 1], [1, 2, 4], [4, 4], num_classes=5).eval()
    torch.save(given.state_dict(), tmp_path / "swin.pth")
    network = transformer.build(SMALL, 0, tmp_path / "swin.pth").eval()
    images = torch.rand(1, 3, 64, 48)
    greys = (images - GREY_MEAN) / GREY_SPREAD
    expected = network.norms[-1](given.features(greys)).permute(0, 3, 1, 2)
    assert torch.allclose(network.encode(greys)[-1], expected, atol=1e-5)


def test_swin_t_as_torchvision_saves_it_is_taken(tmp_path):
    given = swin_t().state_dict()
    torch.save(given, tmp_path / "swin_t.pth")
    for context in (0, 1):
        network = transformer.build(SWIN_T | {"context": context}, 0, tmp_path / "swin_t.pth")
        own = network.state_dict()
        assert torch.equal(own["features.5.3.mlp.0.weight"], given["features.5.3.mlp.0.weight"])
        # Three colours are three neighbouring slices; any other number starts from nothing.
        if context:
            assert torch.equal(own[transformer.STEM], given[transformer.STEM])


def test_weights_of_another_shape_are_refused_by_their_key(tmp_path):
    other = SwinTransformer([2, 2], 16, [2, 1, 1], [1, 2, 4], [4, 4])
    torch.save(other.state_dict(), tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"another network.*transformer\.weights"):
        transformer.build(SMALL, 0, tmp_path / "w.pth", "transformer.weights")


def test_parameters_are_torchvisions_and_the_decoders():
    encoder = sum(p.numel() for p in swin_t().features.parameters())
    network = transformer.build(SWIN_T, 0)
    assert sum(p.numel() for p in network.features.parameters()) == encoder
    assert sum(p.numel() for p in network.parameters()) < 1.3 * encoder


def test_every_parameter_learns():
    network = transformer.build(SMALL, 0).eval()  # without dropped paths
    network(torch.rand(1, 3, 64, 64)).square().mean().backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


@torch.inference_mode()
def test_a_pixel_moves_the_answers_around_it_the_most():
    """The decoder puts what the encoder saw back to where it lay."""
    network = transformer.build(SMALL, 0).eval()
    dark, lit = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    lit[..., 41, 13] = 1
    change = (network(lit) - network(dark))[0, 0].abs()
    y, x = divmod(int(change.argmax()), 64)
    assert math.dist((y, x), (41, 13)) < 4


def test_weights_depend_on_the_seed_alone():
    hashes = [weights_sha256(transformer.build(SMALL, seed)) for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]
