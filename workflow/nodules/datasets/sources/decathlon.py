"""The layout of the Medical Segmentation Decathlon: dataset.json, imagesTr, labelsTr.

Source: Antonelli et al., The Medical Segmentation Decathlon, Nature Communications 13 (2022) 4128;
the files dataset.json of its tasks. Runs while the Snakefile is read.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nodules.base.files import FileDefect, require_regular
from nodules.datasets.sources.case import (
    Case,
    Listing,
    counted,
    gaps,
    require_channel,
    require_values,
    safe,
    settled,
    wanted_values,
)

FILE = "dataset.json"
AGAIN = "Unpack the data set again, and name the folder that holds dataset.json."
BESIDE = "Name labels and images as the data set's own dataset.json does."


def cases(folder: str, config: Mapping[str, Any]) -> Listing:
    """The training cases of a task, in the order of its dataset.json.

    The test images have no labels and are not used. Raises FileDefect if the data set cannot be
    used.
    """
    root = Path(folder)
    said, path = described(root), root / FILE
    entries = said.get("training")
    if not isinstance(entries, list) or not entries:
        raise FileDefect(str(path), "its list `training` is missing or empty", AGAIN)
    values = _labels(path, said)
    require_values(path, values, wanted_values(config))
    require_channel(path, said.get("modality"), config["dataset"]["channel"])
    told = counted(path, said.get("numTraining"), "its list `training` has", len(entries))
    found = list(_cases(root, entries, tuple(sorted(values))))
    told += gaps(root, (Path(case.image).name.split(".")[0] for case in found))
    return settled(root, found, told)


def described(root: Path) -> dict[str, Any]:
    """The content of a folder's dataset.json; FileDefect if it cannot be used."""
    path = root / FILE
    try:
        require_regular(path)
        said = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FileDefect(str(path), f"cannot be read ({error.strerror})", AGAIN) from error
    except ValueError as error:
        raise FileDefect(str(path), f"it is no JSON ({error})", AGAIN) from error
    if not isinstance(said, dict):
        raise FileDefect(str(path), "it is no JSON object", AGAIN)
    return said


def _cases(root: Path, entries: list[Any], values: tuple[int, ...]) -> Iterator[Case]:
    path = root / FILE
    for number, entry in enumerate(entries, 1):
        named = entry if isinstance(entry, dict) else {}
        image, labels = named.get("image"), named.get("label")
        if not isinstance(image, str) or not isinstance(labels, str):
            reason = f"entry {number} of its list `training` lacks an image or a label"
            raise FileDefect(str(path), reason, BESIDE)
        name = safe(Path(image).name.split(".")[0])
        yield Case(name, str(root / image), str(root / labels), values=values)


def _labels(path: Path, said: Mapping[str, Any]) -> dict[int, str]:
    """Names of the labels by value."""
    labels = said.get("labels")
    if not isinstance(labels, dict) or not labels:
        raise FileDefect(str(path), "it does not say what its labels mean", BESIDE)
    try:
        return {int(value): str(name) for value, name in labels.items()}
    except ValueError as error:
        reason = "a key of its `labels` is not a whole number, as in the Decathlon's layout"
        remedy = "Set data.source to nnunet, if it is in nnU-Net's layout."
        raise FileDefect(str(path), reason, remedy) from error
