"""Downloaded weights are checked before they are used."""

import hashlib

import pytest

from nodules.base.files import UserError
from nodules.learning.networks import weights


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"weights")
    return path.as_uri(), hashlib.sha256(b"weights").hexdigest()


def test_a_good_download_arrives(tmp_path, source):
    url, digest = source
    weights.fetch(tmp_path / "out" / "w.pth", url, digest)
    assert (tmp_path / "out" / "w.pth").read_bytes() == b"weights"


def test_a_wrong_checksum_leaves_no_file(tmp_path, source):
    with pytest.raises(UserError, match="SHA-256"):
        weights.fetch(tmp_path / "out" / "w.pth", source[0], "0" * 64)
    assert list((tmp_path / "out").iterdir()) == []


def test_offline_says_what_else_can_be_done(tmp_path):
    with pytest.raises(UserError, match=r"presence\.weights: random"):
        weights.fetch(tmp_path / "w.pth", "http://127.0.0.1:9/none.pth")
    assert not (tmp_path / "w.pth").exists()


def test_the_published_hash_belongs_to_the_published_file():
    """torchvision names its files by the first digits of their SHA-256."""
    from torchvision.models import ResNet50_Weights

    assert ResNet50_Weights.IMAGENET1K_V2.url == weights.IMAGENET_URL
    assert weights.IMAGENET_URL.endswith(f"-{weights.IMAGENET_SHA256[:8]}.pth")
