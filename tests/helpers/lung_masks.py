"""A drawn chest as a scan, and masks of its lungs as LUNA16 stores them, each damaged as told."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helpers import chest
from nodules.datasets.phantom.dataset import stored_array, stored_grid
from nodules.images.geometry import Geometry
from nodules.images.metaimage import read_volume
from nodules.images.metaimage_writing import write_volume
from nodules.prepare import lung_search

UID = "2.25.1"
TURNED = ((2, 0, 1), (-1, 1, -1))  # order and direction of a mask's stored axes z, y, x


def scan(folder: Path) -> tuple[NDArray[np.int16], Geometry]:
    """Scan UID of a folder's subset0: its voxels and its grid."""
    (folder / "subset0").mkdir(exist_ok=True)
    chest.write(folder, chest.chest())
    return read_volume(folder / f"subset0/{UID}.mhd")


def labels_of(volume: NDArray[np.int16], geometry: Geometry) -> NDArray[np.int16]:
    """The lungs by method `volume`, labelled as LUNA16's: 3 left, 4 right; 5 in a corner."""
    found = lung_search.search("volume", volume, geometry).mask
    labels = np.zeros(found.shape, np.int16)
    middle = labels.shape[2] // 2
    labels[:, :, middle:][found[:, :, middle:] > 0] = 3
    labels[:, :, :middle][found[:, :, :middle] > 0] = 4
    labels[0, 0, 0] = 5
    return labels


def write(
    folder: Path, labels: NDArray, grid: Geometry, turned: bool = False, suffix: str = ".zraw"
) -> Path:
    """Store a mask of scan UID; `turned`: with other axes and flips, each voxel in its place."""
    axes = TURNED if turned else ((0, 1, 2), (1, 1, 1))
    folder.mkdir(exist_ok=True)
    header = folder / f"{UID}.mhd"
    stored = stored_array(labels.astype(np.int16), *axes)
    write_volume(header, header.with_suffix(suffix), stored, stored_grid(grid, *axes))
    return header
