"""The stored slices and masks of a set of scans, opened without reading them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.base.files import UserError, open_array
from nodules.datasets import folds as division
from nodules.images import regions
from nodules.images.geometry import Geometry


@dataclass
class Stack:
    """One scan: its slices as a memory map, its slice table and, if available, its masks."""

    uid: str
    array_path: Path
    table_path: Path
    masks_path: Path | None  # None: no ground truth is known
    kind: str  # of the masks: readers or sphere

    @cached_property
    def array(self) -> NDArray[np.uint8]:
        """(z, y, x) uint8 slices, a read-only memory map."""
        array = open_array(self.array_path)
        if array.dtype != np.uint8 or array.shape != self.geometry.shape:
            raise UserError(
                f"{self.array_path}: {array.dtype} {array.shape}, but its table says uint8"
                f" {self.geometry.shape}. Delete both and run snakemake again."
            )
        return array

    @property
    def table(self) -> pd.DataFrame:
        """One row per slice; read anew each time, because 888 of them would fill a GB."""
        return tables.read(self.table_path, "slices")

    @cached_property
    def _grid_and_lung(self) -> tuple[Geometry, NDArray[np.bool_]]:
        """Grid of the slices, and which of them have lung: all that is kept of the table."""
        table = self.table
        return Geometry.from_row(table.iloc[0].to_dict()), (table["lung_mm2"] > 0).to_numpy()

    @property
    def geometry(self) -> Geometry:
        """The grid of the stored slices."""
        return self._grid_and_lung[0]

    @property
    def masks(self) -> pd.DataFrame:
        """Table `regions` of its reference masks, read anew each time; ValueError without masks."""
        if self.masks_path is None:
            raise ValueError(f"scan {self.uid} was opened without its masks")
        return tables.read(self.masks_path, "regions")

    @cached_property
    def _rows(self) -> dict[int, pd.DataFrame]:
        rows = regions.select(self.masks, self.kind, "slices")
        return {int(z): group for z, group in rows.groupby("z")}

    def labels(self, z: int) -> NDArray[np.uint16]:
        """(y, x) nodule numbers of a slice's pixels, 0 outside nodules."""
        shape = self.geometry.shape[1:]
        rows = self._rows.get(z)
        return np.zeros(shape, np.uint16) if rows is None else regions.paint_slice(rows, shape)

    @cached_property
    def nodule_slices(self) -> NDArray[np.int64]:
        """Indices of the slices with a nodule in the masks."""
        return np.array(sorted(self._rows), np.int64)

    @property
    def lung_slices(self) -> NDArray[np.int64]:
        """Indices of the slices with lung."""
        return np.flatnonzero(self._grid_and_lung[1])

    @cached_property
    def empty_slices(self) -> NDArray[np.int64]:
        """Indices of the slices with lung but no nodule."""
        return np.setdiff1d(self.lung_slices, self.nodule_slices)

    def window(self, z: int, context: int) -> NDArray[np.uint8]:
        """(2 * context + 1, y, x) a slice and its neighbours; at the ends the last is repeated."""
        planes = np.clip(np.arange(z - context, z + context + 1), 0, len(self.array) - 1)
        return self.array[planes]


def open_stacks(files: Sequence[str], uids: Sequence[str], kind: str = "") -> list[Stack]:
    """Stacks of the scans `uids`, in that order, from a rule's flat list of input files.

    kind: of the masks; if empty, masks are not opened, and only slices and tables are needed.
    """
    by_name = {(Path(f).parent.name, Path(f).name): Path(f) for f in files}
    return [
        Stack(
            uid,
            by_name["slices", f"{uid}.npy"],
            by_name["slices", f"{uid}.parquet"],
            by_name["masks", f"{uid}.parquet"] if kind else None,
            kind,
        )
        for uid in uids
    ]


def open_fold(
    folds: str | Path, files: Sequence[str], fold: int, kind: str
) -> tuple[list[Stack], list[Stack]]:
    """Stacks of the scans that a fold's networks are trained on, and of those that it leaves out.

    folds: path of table `folds`. files, kind: as for `open_stacks`.
    """
    training, left_out = division.split(tables.read(folds, "folds"), fold)
    return open_stacks(files, training, kind), open_stacks(files, left_out, kind)
