"""A bundle says all that it takes to run its network, and is refused where it was changed."""

import json
from dataclasses import asdict

import pytest
import torch

from helpers.settings import ATTENTION, MASKRCNN, PRESENCE, TRANSFORMER, UNET
from nodules.base.files import UserError
from nodules.learning.machine import placed
from nodules.learning.networks import bundle, forward

CPU = torch.device("cpu")
FACTS = {"model": "unet", "input": {"context": 1}, "output": "", "trained_on": {}}


def made(folder, settings=UNET, seed=1):
    """Paths of a bundle's manifest and weights, and its network."""
    shape = bundle.shape_of(settings.network, settings)
    network = bundle.architecture(settings.network).build(shape, seed).eval()
    told = FACTS | {"network": {"name": settings.network, "settings": shape}}
    bundle.save(folder / "model.pt", network, told)
    return folder / "model.json", folder / "model.pt", network


NETWORKS = [UNET, ATTENTION, TRANSFORMER, MASKRCNN, PRESENCE]


def test_no_network_is_forgotten():
    in_3d = {"unet3d", "reducer3d"}  # see test_networks3d.py
    assert {settings.network for settings in NETWORKS} | in_3d == set(bundle.architectures())


@pytest.mark.parametrize("settings", NETWORKS, ids=lambda s: s.network)
def test_every_network_is_built_again_from_its_bundle_alone(tmp_path, settings):
    manifest, _, network = made(tmp_path, settings)
    again = bundle.restore(manifest, CPU)
    state = network.state_dict()
    assert not again.network.training
    assert all(torch.equal(state[k], t) for k, t in again.network.state_dict().items())
    placed(network, CPU)  # in another order of memory bf16 rounds otherwise
    images = [torch.rand(3, 64, 64)] if settings is MASKRCNN else torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        one, other = network(images), again.network(images)
    assert str(one) == str(other)


def test_the_manifest_reads_like_a_text(tmp_path):
    manifest, _, _ = made(tmp_path)
    told = json.loads(manifest.read_text())
    assert told["network"] == {"name": "unet", "settings": {"filters": 2, "depth": 2, "context": 1}}
    assert "Not a medical device" in told["intended_use"] and "CC" not in told["weights"]["sha256"]
    assert set(bundle.NEEDED) <= set(told)
    assert "lung" not in told["intended_use"], "networks of other organs say the same"


def test_changed_weights_are_refused(tmp_path):
    manifest, weights, _ = made(tmp_path)
    content = bytearray(weights.read_bytes())
    content[-100] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.pt: is not the file that .*model\.json"):
        bundle.restore(manifest, CPU)
    weights.unlink()
    with pytest.raises(UserError, match=r"model\.pt: is missing"):
        bundle.restore(manifest, CPU)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read as a manifest"),
        ("[]", "it lacks format"),
        ('{"format": 1}', "it lacks model"),
        (json.dumps({key: {} for key in bundle.NEEDED} | {"format": 99}), "of format 99"),
    ],
)
def test_what_is_no_manifest_is_refused_in_one_sentence(tmp_path, text, reason):
    path = tmp_path / "model.json"
    path.write_text(text)
    with pytest.raises(UserError, match=reason):
        bundle.restore(path, CPU)


@pytest.mark.parametrize("name", ["weights", "bundle", "../loop", "os", ""])
def test_only_networks_can_be_chosen(name):
    with pytest.raises(UserError, match="not one of attention_unet, maskrcnn, reducer3d, resnet"):
        bundle.architecture(name)


def test_settings_that_shape_a_network_are_all_it_is_built_from():
    for settings in NETWORKS:
        shape = bundle.shape_of(settings.network, settings)
        assert set(shape) <= set(asdict(settings)) and "epochs" not in shape


def test_crops_are_asked_with_grey_levels_of_imagenets_mean_and_spread():
    seen = []

    def network(inputs):
        seen.append(inputs)
        return torch.zeros(len(inputs), 1)

    forward.logits_of(network, torch.full((1, 3, 2, 2), 0.45))
    assert torch.allclose(seen[0], torch.zeros(1, 3, 2, 2), atol=1e-7)
