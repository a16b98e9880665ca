"""Defective submissions, configurations and weights, and what has to be said of each."""

import io
import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nodules.learning.networks.unet import UNet
from reliability.catalogue import EXPORT, LINE, NAMED

# For `luna16 score`: content of the submission, and place, reason and remedy of the message.
MARK = b"seriesuid,coordX,coordY,coordZ,probability\n"
SUBMISSIONS: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "mine.csv: the file is empty", "needs its header."),
    "no header": (b"2.25.1,0,0,0,1\n", "mine.csv, line 1: there is no column", NAMED),
    "colons": (MARK.replace(b",", b":"), "mine.csv, line 1: there is no column", NAMED),
    "no probability": (b"seriesuid,coordX,coordY,coordZ\n", "no column 'probability'", NAMED),
    "probability in words": (
        MARK + b"2.25.1,0,0,0,sure\n",
        "mine.csv, line 2: probability 'sure' is not a finite number",
        LINE,
    ),
    "probability NaN": (
        MARK + b"2.25.1,0,0,0,nan\n",
        "mine.csv, line 2: probability 'nan' is not a finite number",
        LINE,
    ),
    "an unknown scan": (
        MARK + b"2.25.8,0,0,0,1\n",
        "mine.csv, line 2: seriesuid '2.25.8' is not in the list of scans: of the file's 1 scan "
        "none is among the 3 listed",
        "Give lists of the same scans as the submission: the listed ids look like '2.25.1'.",
    ),
    "more scans than listed": (
        MARK + b"2.25.8,0,0,0,1\n2.25.1,0,0,0,1\n2.25.7,0,0,0,1\n2.25.7,0,0,1,1\n",
        "mine.csv, line 2: seriesuid '2.25.8' is not in the list of scans: of the file's 3 scans "
        "1 is among the 3 listed",
        "or leave the 3 marks of 2 scans out with --ignore-unlisted.",
    ),
    "a row cut off": (
        MARK + b"2.25.1,0,0\n",
        "mine.csv, line 2: 3 fields where line 1 has 5",
        "Complete or remove the line.",
    ),
    "half of UTF-16": (MARK.decode().encode("utf-16")[:-1], "is not CSV text in UTF-8", EXPORT),
    "a column twice": (MARK.replace(b"coordY", b"coordX"), "'coordX' stands twice", "each column"),
    **{
        f"the spelling {spelling}": (
            MARK + f"{spelling},0,0,0,1\n".encode(),
            "is not in the list of scans, but '2.25.1' is: 1 id (1 row) would fall out by",
            f"Write them {mend}",
        )
        for spelling, mend in {
            "2.25.01": "without leading zeros",
            "2.25.1.0": "without the trailing '.0'",
            "2.25.1.mhd": "without the file's ending",
            "2.25.1.nii.gz": "without the file's ending",
            "2.25.1_0000.nii.gz": "without the file's ending and the channel number '_0000'",
            "subset0/2.25.1.mhd": "without folders and the file's ending",
            "'2.25.1'": "without quotes",
            '"=""2.25.1"""': "without quotes",
            "2.25. 1": "without blanks or hidden characters",
            "2.25.1\u200b": "without blanks or hidden characters",
        }.items()
    },
}

# For the configuration: what is laid over the default, and what is said.
CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": ({"unet": {"momentum": 1}}, "unknown key 'unet.momentum': known here"),
    "a key misspelt": ({"unet": {"epoch": 3}}, "unknown key 'unet.epoch': did you mean 'epochs'?"),
    "an unknown section": ({"trainer": {}}, "unknown key 'trainer'"),
    "a section that is none": ({"unet": None}, "unet: None is not of type 'object'"),
    "a word for a number": ({"unet": {"epochs": "many"}}, "unet.epochs: 'many' is not of type"),
    "a number for a word": ({"luna16_dir": 7}, "luna16_dir: 7 is not of type 'string'"),
    "half an epoch": (
        {"presence": {"epochs": 2.5}},
        "presence.epochs: 2.5 is not of type 'integer'",
    ),
    "no epoch": ({"unet": {"epochs": 0}}, "unet.epochs: 0 is less than the minimum of 1"),
    "a rate below 0": ({"unet": {"learning_rate": -0.1}}, "unet.learning_rate: -0.1 is less than"),
    "a rate that is NaN": (
        {"unet": {"learning_rate": math.nan}},
        "unet.learning_rate: nan is not a finite number",
    ),
    "an infinite window": (
        {"slices": {"window": [-1000, math.inf]}},
        "slices.window.1: inf is not a finite number",
    ),
    "a window upside down": (
        {"slices": {"window": [400, -1000]}},
        "slices.window: 400 HU must lie below -1000 HU",
    ),
    "a window of one end": ({"slices": {"window": [400]}}, "slices.window: [400] is too short"),
    "one fold": ({"folds": {"n": 1}}, "folds.n: 1 is less than the minimum of 2"),
    "an unknown scheme": ({"folds": {"scheme": "loo"}}, "folds.scheme: 'loo' is not one of"),
    "a subset 12": ({"folds": {"test_subset": 12}}, "folds.test_subset: 12 is greater than"),
    "a threshold above 1": (
        {"candidates": {"pixel_threshold": 1.5}},
        "candidates.pixel_threshold: 1.5 is",
    ),
    "a seed below 0": ({"seed": -1}, "seed: -1 is less than the minimum of 0"),
    "a size no network takes": ({"slices": {"size": 100}}, "slices.size: 100 is not a multiple"),
    "a patch beyond the slice": ({"unet": {"patch": 512}}, "unet.patch: must be 0 or a multiple"),
    "a window within one HU": (
        {"slices": {"window": [-0.4, 0.4]}},
        "slices.window: -0.4 and 0.4 HU are the same in whole HU; give a wider window",
    ),
    "a window beyond what a voxel holds": (
        {"slices": {"window": [-1000, 1e9]}},
        "slices.window.1: 1000000000.0 is greater than the maximum of 32767",
    ),
    "a number for a key": ({5: 3}, "unknown key '5': a key is a word"),
    "a truth value for a key": ({"unet": {True: 3}}, "unknown key 'unet.True': a key is a word"),
    "nothing for a key": ({None: 1}, "unknown key 'None': a key is a word"),
    "1e300 folds": ({"folds": {"n": "1e300"}}, "folds.n: 1e+300 is greater than the maximum"),
    "10**12 folds": ({"folds": {"n": 10**12}}, "folds.n: 1000000000000 is greater than the"),
    "10**8 members": ({"malignancy": {"members": 10**8}}, "malignancy.members: 100000000 is"),
    "a phantom of millions": ({"phantom": {"scans": 3_000_000}}, "phantom.scans: 3000000 is"),
    "a scale that leaves no pixel": ({"maskrcnn": {"scale": 1e-3}}, "maskrcnn.scale: 0.001 is"),
    "an anchor below a pixel": (
        {"maskrcnn": {"anchors_px": [0.01, 8, 16]}},
        "maskrcnn.anchors_px.0: 0.01 is less than the minimum of 1",
    ),
    "an anchor that the scale makes nothing": (
        {"maskrcnn": {"scale": 0.25}},
        "maskrcnn.anchors_px: times maskrcnn.scale 0.25 the smallest is 1 pixels, but 1.5 is",
    ),
    "a patch of a pixel": ({"maskrcnn": {"patch": 1}}, "maskrcnn.patch: must be 0 or at least 32"),
    "a patch that the U-Net halves away": ({"unet": {"patch": 8}}, "at least 32"),
    "a phantom without the test subset": (
        {"phantom": {"scans": 6}},
        "folds.test_subset: the phantom has no subset 9, since its 6 scans are in subsets 0 to 5;"
        " choose one of these, null to hold out none, or phantom.scans of at least 10",
    ),
    "more folds than the phantom has scans": (
        {"folds": {"n": 37}},
        "folds.n: 37 folds of 36 scans, which is what phantom.scans 40 leaves to train on; use at"
        " most 36 folds or more scans",
    ),
    "official folds of one scan": (
        {"phantom": {"scans": 1}, "folds": {"scheme": "official"}},
        "phantom.scans: folds.scheme official needs at least 2",
    ),
    "ImageNet's weights in a ResNet18": (
        {"maskrcnn": {"weights": "imagenet"}},
        "set maskrcnn.backbone to resnet50 or maskrcnn.weights to random",
    ),
    "ImageNet, misspelt": (
        {"presence": {"weights": "ImageNet"}},
        "presence.weights: did you mean 'imagenet'?",
    ),
    "a wildcard in a path": (
        {"presence": {"weights": "mine_{fold}.pth"}},
        "presence.weights: 'mine_{fold}.pth' holds one of { } < >",
    ),
    "a result as weights": (
        {"maskrcnn": {"weights": "results/models/maskrcnn/fold_0/model.pt"}},
        "maskrcnn.weights: 'results/models/maskrcnn/fold_0/model.pt' lies in results",
    ),
    "real scans from nowhere": (
        {"data": {"source": "luna16"}},
        "luna16_dir: name the folder that holds subset0 .. subset9",
    ),
}


class Hostile:
    """Unpickled, it makes a folder of the name given."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


def saved(value: Any) -> bytes:
    """What torch.save writes of a value."""
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def unet(filters: int) -> dict[str, torch.Tensor]:
    """Weights of a small U-Net."""
    return UNet(filters, 2, 0).state_dict()


# For weights: the file's content, given a path that must not come to exist, and what is said.
UNREADABLE = "cannot be read as a state dict of tensors"
WEIGHTS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "empty": (lambda _: b"", UNREADABLE),
    "cut off": (lambda _: saved(unet(2))[:-200], UNREADABLE),
    "the middle missing": (lambda _: saved(unet(2))[:500] + saved(unet(2))[900:], UNREADABLE),
    "text": (lambda _: b"<html>404 Not Found</html>", UNREADABLE),
    "a pickle that runs code": (lambda path: pickle.dumps(Hostile(path), protocol=2), UNREADABLE),
    "a torch file that runs code": (lambda path: saved({"w": Hostile(path)}), UNREADABLE),
    "a whole network": (lambda _: saved(torch.nn.Linear(1, 1)), UNREADABLE),
    "a list": (lambda _: saved([torch.ones(1)]), "other than a state dict of tensors"),
    "words": (lambda _: saved({"epoch": 3}), "other than a state dict of tensors"),
    "numbers for names": (
        lambda _: saved({1: torch.ones(1)}),
        "other than a state dict of tensors",
    ),
    "sparse": (lambda _: saved({"w": torch.ones(2, 2).to_sparse()}), "sparse, quantised"),
    "sparse rows": (lambda _: saved({"w": torch.eye(2).to_sparse_csr()}), "sparse, quantised"),
    "without content": (lambda _: saved({"w": torch.empty(2, device="meta")}), "sparse, quantised"),
    "quantised": (
        lambda _: saved({"w": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}),
        "sparse, quantised",
    ),
    "complex": (lambda _: saved({"w": torch.ones(2, dtype=torch.complex64)}), "sparse, quantised"),
    "eight bits": (
        lambda _: saved({"w": torch.ones(2).to(torch.float8_e4m3fn)}),
        "sparse, quantised",
    ),
    "one number in place of many": (
        lambda _: saved({"w": torch.ones(1).expand(10**12)}),
        "sparse, quantised",
    ),
    "beyond 32 bits": (
        lambda _: saved({"w": torch.tensor([1e300], dtype=torch.float64)}),
        "numbers that are not finite",
    ),
    "whole numbers": (
        lambda _: saved({k: v.to(torch.int8) for k, v in unet(2).items()}),
        "weights of another network",
    ),
    "a variance below 0": (
        lambda _: saved({k: -v if k.endswith("_var") else v for k, v in unet(2).items()}),
        "such as down.0.1.running_var, hold a variance below 0",
    ),
    "NaN": (lambda _: saved({"w": torch.tensor([math.nan])}), "numbers that are not finite"),
    "another width": (lambda _: saved(unet(4)), "weights of another network"),
    "another architecture": (lambda _: saved({"w": torch.ones(3)}), "weights of another network"),
}
