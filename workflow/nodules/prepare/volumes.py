"""The stored volumes of a set of scans, opened without reading them.

`prepare.volume_cut` makes them. Code that only opens them must not depend on lung segmentation,
hence this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.base.files import UserError, open_array
from nodules.images.geometry import Geometry
from nodules.prepare.cubes import Grey

LUNG_STEP = 2  # voxels of the volume per voxel of the lung mask beside it, along each axis


@dataclass
class Volume:
    """One scan's stored volume, opened without reading it."""

    uid: str
    array_path: Path
    lung_path: Path
    table_path: Path

    @cached_property
    def _grids(self) -> dict[str, Geometry]:
        rows = tables.read(self.table_path, "volumes").to_dict("records")
        return {row["grid"]: Geometry.from_row(row) for row in rows}

    @property
    def grid(self) -> Geometry:
        """The grid of its voxels."""
        return self._grids["volume"]

    @property
    def native(self) -> Geometry:
        """The scan's own grid, with axes in the patient's order (`Geometry.reoriented`)."""
        return self._grids["native"]

    @property
    def spacing_mm(self) -> float:
        """Cube root of a voxel's volume; the sides of a voxel differ by less than 1 %."""
        return float(self.grid.voxel_mm3 ** (1 / 3))

    @cached_property
    def array(self) -> Grey:
        """(z, y, x) uint8 grey levels, a read-only memory map."""
        return self._opened(self.array_path, self.grid.shape)

    @cached_property
    def lung(self) -> Grey:
        """(z, y, x) uint8 lung mask of every LUNG_STEP-th voxel, a read-only memory map."""
        half = [len(range(LUNG_STEP // 2, n, LUNG_STEP)) for n in self.grid.shape]
        return self._opened(self.lung_path, (half[0], half[1], half[2]))

    def _opened(self, path: Path, shape: tuple[int, int, int]) -> Grey:
        array = np.asarray(open_array(path))  # np.memmap's own indexing takes microseconds
        if array.dtype != np.uint8 or array.shape != shape:
            raise UserError(
                f"{path}: {array.dtype} {array.shape}, but its table says uint8 {shape}."
                " Delete both and run snakemake again."
            )
        return array


def open_volumes(files: Sequence[str], uids: Sequence[str]) -> list[Volume]:
    """Volumes of the scans `uids`, in that order, from a rule's flat list of input files."""
    by_name = {Path(file).name: Path(file) for file in files if Path(file).parent.name == "volumes"}
    return [
        Volume(uid, by_name[f"{uid}.npy"], by_name[f"{uid}_lung.npy"], by_name[f"{uid}.parquet"])
        for uid in uids
    ]


def describe(uid: str, native: Geometry, grid: Geometry) -> pd.DataFrame:
    """Table `volumes` of a scan: its native grid and that of its volume."""
    rows = [("native", native), ("volume", grid)]
    return tables.frame("volumes", [{"seriesuid": uid, "grid": n} | g.to_row() for n, g in rows])
