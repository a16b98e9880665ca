"""Networks have the stated shapes, fresh weights by seed, and refuse weights of others."""

import math
import pickle

import pytest
import torch

from nodules import networks
from nodules.files import UserError

SETTINGS = {"filters": 4, "depth": 3, "context": 1}


def test_unet_gives_one_logit_per_pixel():
    network = networks.build_unet(SETTINGS, 0).eval()
    assert network(torch.zeros(2, 3, 32, 48)).shape == (2, 1, 32, 48)


def test_unet_starts_at_the_prior():
    network = networks.build_unet(SETTINGS, 0)
    torch.nn.init.zeros_(network.last.weight)
    probability = network(torch.rand(2, 3, 32, 32)).sigmoid()
    assert torch.allclose(probability, torch.tensor(networks.PIXEL_PRIOR), atol=1e-6)


def test_resnet_gives_one_logit_per_crop():
    network = networks.build_resnet(0).eval()
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 1)


def test_weights_depend_on_the_seed_alone():
    hashes = [networks.weights_sha256(networks.build_unet(SETTINGS, s)) for s in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_weights_survive_a_file(tmp_path):
    network = networks.build_unet(SETTINGS, 1)
    networks.save_state(tmp_path / "w.pt", network)
    other = networks.build_unet(SETTINGS, 2)
    networks.apply_state(other, networks.load_state(tmp_path / "w.pt"), "w.pt")
    assert networks.weights_sha256(other) == networks.weights_sha256(network)
    networks.save_state(tmp_path / "again.pt", other)
    assert (tmp_path / "again.pt").read_bytes() == (tmp_path / "w.pt").read_bytes()


def test_imagenet_weights_keep_everything_but_the_last_layer(tmp_path):
    from torchvision.models import resnet50

    torch.manual_seed(5)
    imagenet = resnet50()
    torch.save(imagenet.state_dict(), tmp_path / "imagenet.pth")
    network = networks.build_resnet(0, tmp_path / "imagenet.pth")
    assert torch.equal(network.conv1.weight, imagenet.conv1.weight)
    assert network.fc.weight.shape == (1, 2048)


def test_weights_of_another_width_are_refused(tmp_path):
    networks.save_state(tmp_path / "w.pt", networks.build_unet(SETTINGS | {"filters": 8}, 0))
    with pytest.raises(UserError, match="another network"):
        state = networks.load_state(tmp_path / "w.pt")
        networks.apply_state(networks.build_unet(SETTINGS, 0), state, "w.pt")


@pytest.mark.parametrize("content", [b"", {"w": torch.ones(3)}, {"w": torch.tensor(math.nan)}, []])
def test_of_a_users_file_the_key_is_named_and_not_its_deletion(tmp_path, content):
    path = tmp_path / "mine.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(UserError, match=r"mine\.pth: .* resnet\.weights of the config") as error:
        networks.build_resnet(0, path)
    assert "elete" not in str(error.value)


def test_weights_of_half_precision_are_taken(tmp_path):
    half = {k: v.half() if v.is_floating_point() else v for k, v in unet_state().items()}
    torch.save(half, tmp_path / "w.pt")
    network = networks.build_unet(SETTINGS, 1)
    networks.apply_state(network, networks.load_state(tmp_path / "w.pt"), "w.pt")
    assert torch.equal(network.last.weight, half["last.weight"].float())


def unet_state():
    """State dict of a small U-Net."""
    return networks.build_unet(SETTINGS, 0).state_dict()


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("content", ["pickle", "truncated", "zero bytes", "not a dict"])
def test_broken_and_hostile_weights_are_refused(tmp_path, capsys, content):
    path = tmp_path / "w.pt"
    networks.save_state(path, networks.build_unet(SETTINGS, 0))
    if content == "pickle":
        path.write_bytes(pickle.dumps(Evil()))
    elif content == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif content == "zero bytes":
        path.write_bytes(b"")
    else:
        torch.save([1, 2], path)
    with pytest.raises(UserError, match=r"w\.pt"):
        networks.load_state(path)
    assert "executed" not in capsys.readouterr().out
