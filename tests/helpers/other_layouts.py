"""Small data sets in the layouts of the Decathlon, of nnU-Net and of a plain table."""

import copy
import json
from pathlib import Path

import numpy as np
import yaml

from nodules.images import label_map
from nodules.images.geometry import Geometry

SHAPE, SPACING = (8, 40, 40), (2.0, 2.0, 4.0)
GRID = Geometry.build((-30.0, 20.0, 100.0), SPACING, np.diag([-1, -1, 1]), SHAPE)
LABELS = {0: "background", 1: "organ", 2: "lesion"}
ROOT = Path(__file__).parents[2]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def config(source: str, folder: Path, **dataset) -> dict:
    """The default configuration, for a data set in a folder; dataset: keys of that section."""
    changed = copy.deepcopy(DEFAULT)
    changed["data"]["source"] = source
    changed["dataset"] |= {"dir": str(folder), "lesion_labels": [2], "organ_labels": [1]} | dataset
    return changed


def image(seed: int = 0) -> np.ndarray:
    """A scan in HU: air around a block of tissue with two darker lesions."""
    values = np.full(SHAPE, -1000, np.int16)
    values[:, 5:35, 5:35] = 100
    values[labels() == 2] = 40
    noise = np.random.default_rng(seed).normal(0, 10, SHAPE)
    return (values + noise).astype(np.int16)


def labels() -> np.ndarray:
    """An organ with two lesions, of 5 x 5 x 3 and of 3 x 3 x 1 voxels."""
    made = np.zeros(SHAPE, np.uint16)
    made[1:7, 10:30, 10:30] = 1
    made[2:5, 12:17, 12:17] = 2
    made[5, 24:27, 20:23] = 2
    return made


def decathlon(folder: Path, scans: int = 3) -> Path:
    """Scans case_0, case_1, ... in the Decathlon's layout."""
    entries = []
    for i in range(scans):
        name = f"case_{i}.nii.gz"
        write(folder / "imagesTr" / name, image(i))
        write(folder / "labelsTr" / name, labels())
        entries.append({"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"})
    describe(
        folder,
        name="Made",
        modality={"0": "CT"},
        labels={str(value): name for value, name in LABELS.items()},
        numTraining=scans,
        training=entries,
        test=[],
    )
    return folder


def nnunet(folder: Path, scans: int = 3) -> Path:
    """The same in nnU-Net's raw layout."""
    for i in range(scans):
        write(folder / "imagesTr" / f"case_{i}_0000.nii.gz", image(i))
        write(folder / "labelsTr" / f"case_{i}.nii.gz", labels())
    describe(
        folder,
        channel_names={"0": "CT"},
        labels={name: value for value, name in LABELS.items()},
        numTraining=scans,
        file_ending=".nii.gz",
    )
    return folder


def table(folder: Path, scans: int = 3) -> Path:
    """The same as a table, patients and splits with it."""
    rows = ["scan,image,labels,patient,split"]
    for i in range(scans):
        write(folder / f"image {i}.nii.gz", image(i))
        write(folder / f"labels {i}.nii.gz", labels())
        split = "test" if i == 0 else "train"
        rows.append(f"Scan {i},image {i}.nii.gz,labels {i}.nii.gz,person {i},{split}")
    (folder / "scans.csv").write_text("\n".join(rows) + "\n")
    return folder


def write(path: Path, voxels: np.ndarray, grid: Geometry = GRID) -> None:
    """Voxels as NIfTI, in place of what is there."""
    label_map.write(path, voxels, grid)


def describe(folder: Path, **changed) -> None:
    """Write dataset.json, or change some keys of it; None takes a key out."""
    path = folder / "dataset.json"
    said = json.loads(path.read_text()) if path.exists() else {}
    said = {k: v for k, v in (said | changed).items() if v is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said))
