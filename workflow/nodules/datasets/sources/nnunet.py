"""nnU-Net's raw layout: dataset.json, imagesTr/<case>_<channel>.<ending>, labelsTr/<case>.<ending>.

Source: documentation/dataset_format.md of MIC-DKFZ/nnUNet. Runs while the Snakefile is read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodules.base.files import FileDefect
from nodules.datasets.scan import Oddity
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
from nodules.datasets.sources.decathlon import FILE, described

IMAGES, LABELS = "imagesTr", "labelsTr"
IGNORED = "ignore"  # nnU-Net's name of the label for voxels that nobody labelled


def cases(folder: str, config: Mapping[str, Any]) -> Listing:
    """The training cases, by name; the images of imagesTs have no labels and are not used.

    Raises FileDefect if the folder cannot be used.
    """
    root, told = Path(folder), list[Oddity]()
    said, path = described(root), root / FILE
    ending = said.get("file_ending")
    if not isinstance(ending, str) or not ending.startswith("."):
        remedy = "Write it as nnU-Net wants it, such as .nii.gz."
        raise FileDefect(str(path), "it has no file_ending", remedy)
    values = _labels(path, said)
    require_values(path, values, wanted_values(config))
    ignored = tuple(value for value, label in values.items() if label == IGNORED)
    if set(ignored) & set(wanted_values(config)):
        reason = f"its label {ignored[0]} is {IGNORED!r}: voxels that nobody labelled"
        remedy = "Take it out of dataset.lesion_labels and dataset.organ_labels."
        raise FileDefect(str(path), reason, remedy)
    require_channel(path, said.get("channel_names"), config["dataset"]["channel"])
    channel = f"_{config['dataset']['channel']:04d}"
    labelled = {p.name.removesuffix(ending): p for p in _files(root / LABELS, ending)}
    images = {p.name.removesuffix(ending) for p in _files(root / IMAGES, ending)}
    for name in sorted(images):
        if name.endswith(channel) and name.removesuffix(channel) not in labelled:
            place = root / IMAGES / f"{name}{ending}"
            remedy = f"Put its labels into {LABELS}, or take it out."
            odd = Oddity(place, "it has no labels", remedy, safe(name.removesuffix(channel)))
            told.append(odd)
    found = [
        Case(
            safe(name),
            str(root / IMAGES / f"{name}{channel}{ending}"),
            str(labels),
            values=tuple(sorted(values)),
            ignored=ignored,
        )
        for name, labels in sorted(labelled.items())
    ]
    told += counted(path, said.get("numTraining"), f"{LABELS} holds", len(found))
    return settled(root, found, [*told, *gaps(root, labelled)])


def _files(folder: Path, ending: str) -> list[Path]:
    """Files of a folder with this ending, except hidden ones; FileDefect if there is no folder."""
    try:
        names = sorted(folder.iterdir())
    except OSError as error:
        remedy = "Name the folder that holds dataset.json, imagesTr and labelsTr."
        reason = f"the folder cannot be read ({error.strerror})"
        raise FileDefect(str(folder), reason, remedy) from error
    return [p for p in names if p.name.endswith(ending) and not p.name.startswith(".")]


def _labels(path: Path, said: Mapping[str, Any]) -> dict[int, str]:
    """Names of the labels by value; a region counts as each of its labels."""
    labels = said.get("labels")
    remedy = "Write labels by name, such as tumour: 1."
    if not isinstance(labels, dict) or not labels:
        raise FileDefect(str(path), "it does not say what its labels mean", remedy)
    found: dict[int, str] = {}
    for name, value in labels.items():
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, int):
                reason = f"the value of its label {name} is not a whole number"
                raise FileDefect(str(path), reason, remedy)
            found.setdefault(one, str(name))
    return found
