"""Networks have the stated shapes, fresh weights by seed, and refuse weights of others."""

import math
import pickle

import pytest
import torch

from nodules.base.files import UserError
from nodules.learning.networks import resnet, unet, weights

SETTINGS = {"filters": 4, "depth": 3, "context": 1}


def test_unet_gives_one_logit_per_pixel():
    network = unet.build(SETTINGS, 0).eval()
    assert network(torch.zeros(2, 3, 32, 48)).shape == (2, 1, 32, 48)


def test_unet_starts_at_the_prior():
    network = unet.build(SETTINGS, 0)
    torch.nn.init.zeros_(network.last.weight)
    probability = network(torch.rand(2, 3, 32, 32)).sigmoid()
    assert torch.allclose(probability, torch.tensor(unet.PIXEL_PRIOR), atol=1e-6)


def test_resnet_gives_one_logit_per_crop():
    network = resnet.build({}, 0).eval()
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 1)


def test_weights_depend_on_the_seed_alone():
    hashes = [weights.weights_sha256(unet.build(SETTINGS, s)) for s in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_weights_survive_a_file(tmp_path):
    network = unet.build(SETTINGS, 1)
    weights.save_state(tmp_path / "w.pt", network)
    other = unet.build(SETTINGS, 2)
    weights.apply_state(other, weights.load_state(tmp_path / "w.pt"), "w.pt")
    assert weights.weights_sha256(other) == weights.weights_sha256(network)
    weights.save_state(tmp_path / "again.pt", other)
    assert (tmp_path / "again.pt").read_bytes() == (tmp_path / "w.pt").read_bytes()


def test_imagenet_weights_keep_everything_but_the_last_layer(tmp_path):
    from torchvision.models import resnet50

    torch.manual_seed(5)
    imagenet = resnet50()
    torch.save(imagenet.state_dict(), tmp_path / "imagenet.pth")
    network = resnet.build({}, 0, tmp_path / "imagenet.pth")
    assert torch.equal(network.conv1.weight, imagenet.conv1.weight)
    assert network.fc.weight.shape == (1, 2048)


def test_weights_of_another_width_are_refused(tmp_path):
    weights.save_state(tmp_path / "w.pt", unet.build(SETTINGS | {"filters": 8}, 0))
    with pytest.raises(UserError, match="another network"):
        state = weights.load_state(tmp_path / "w.pt")
        weights.apply_state(unet.build(SETTINGS, 0), state, "w.pt")


@pytest.mark.parametrize("content", [b"", {"w": torch.ones(3)}, {"w": torch.tensor(math.nan)}, []])
def test_of_a_users_file_the_key_is_named_and_not_its_deletion(tmp_path, content):
    path = tmp_path / "mine.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(UserError, match=r"mine\.pth: .* presence\.weights of the config") as error:
        resnet.build({}, 0, path, "presence.weights")
    assert "elete" not in str(error.value)


def test_weights_of_half_precision_are_taken(tmp_path):
    half = {k: v.half() if v.is_floating_point() else v for k, v in unet_state().items()}
    torch.save(half, tmp_path / "w.pt")
    network = unet.build(SETTINGS, 1)
    weights.apply_state(network, weights.load_state(tmp_path / "w.pt"), "w.pt")
    assert torch.equal(network.last.weight, half["last.weight"].float())


def unet_state():
    """State dict of a small U-Net."""
    return unet.build(SETTINGS, 0).state_dict()


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("content", ["pickle", "truncated", "zero bytes", "not a dict"])
def test_broken_and_hostile_weights_are_refused(tmp_path, capsys, content):
    path = tmp_path / "w.pt"
    weights.save_state(path, unet.build(SETTINGS, 0))
    if content == "pickle":
        path.write_bytes(pickle.dumps(Evil()))
    elif content == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif content == "zero bytes":
        path.write_bytes(b"")
    else:
        torch.save([1, 2], path)
    with pytest.raises(UserError, match=r"w\.pt"):
        weights.load_state(path)
    assert "executed" not in capsys.readouterr().out
