"""Start weights of the ResNet50: downloaded and checked, a local file, or none."""

import shutil
import urllib.error
import urllib.request
from pathlib import Path

from nodules.files import UserError, atomic, sha256

# torchvision's ResNet50_Weights.IMAGENET1K_V2. The file's name holds the hash's first digits.
IMAGENET_URL = "https://download.pytorch.org/models/resnet50-11ad3fa6.pth"
IMAGENET_SHA256 = "11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca"


def fetch(path: str | Path, url: str = IMAGENET_URL, digest: str = IMAGENET_SHA256) -> None:
    """Download weights to `path`, whole or not at all; UserError when offline or damaged."""
    with atomic(path) as temporary:
        try:
            with urllib.request.urlopen(url, timeout=60) as source, temporary.open("wb") as target:
                shutil.copyfileobj(source, target)
        except (urllib.error.URLError, OSError) as error:
            raise UserError(
                f"{url}: cannot be downloaded ({error}). On a machine without network, download"
                f" it elsewhere, put it at {path} or name its path in the config"
                " (resnet.weights: /path/to/resnet50-11ad3fa6.pth, and baseline.weights where"
                " that is imagenet), or start from nothing (resnet.weights: random, and"
                " baseline.weights)."
            ) from error
        check(temporary, digest, url)


def check(path: str | Path, digest: str, source: str) -> None:
    """UserError unless the file's SHA-256 is `digest`."""
    found = sha256(path)
    if found != digest:
        raise UserError(
            f"{source}: the file's SHA-256 is {found}, expected {digest}: the download"
            " was cut short or changed on its way. Try again, or download it by hand."
        )
