"""A scan as one 8-bit volume around its lungs, on a grid of equal steps, for networks in 3-D."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.base.files import UserError, open_array
from nodules.images.geometry import Geometry
from nodules.prepare import lungs
from nodules.prepare.slices import window

LUNG_STEP = 2  # voxels of the volume per voxel of the lung mask beside it, along each axis

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class VolumeSettings:
    """How volumes are stored; the fields are the keys of the config's section `volumes`."""

    spacing_mm: float  # between voxels along each axis, to half a voxel over a whole side
    window: tuple[float, float]  # HU shown as 0 and 255
    margin_mm: float  # kept around the lungs


class Cut(NamedTuple):
    """A scan's volume, its grid, and its lungs on every LUNG_STEP-th voxel."""

    grey: Grey
    grid: Geometry
    lung: Grey


def cut(
    volume: NDArray[np.int16], geometry: Geometry, mask: lungs.Mask, settings: VolumeSettings
) -> Cut:
    """The lungs' box with its margin, windowed and resampled to equal steps.

    volume: int16 HU (z, y, x); mask: its lungs, uint8. The box ends at the scan's own faces; where
    no lung was found it is the whole scan. Along an axis that gets fewer voxels each is the mean of
    those that it covers, along one that gets more the values between are linear. The box's outer
    faces are kept (`Geometry.resampled`), so that no place moves.
    """
    first, extent = lung_box(mask, geometry, settings.margin_mm)
    shape = tuple(
        max(1, round(n * mm / settings.spacing_mm))
        for n, mm in zip(extent, geometry.spacing_zyx, strict=True)
    )
    box = tuple(slice(a, a + n) for a, n in zip(first, extent, strict=True))
    grid = geometry.resampled(first, extent, shape)
    grey = resized(
        np.stack([window(np.ascontiguousarray(image), settings.window) for image in volume[box]]),
        shape,
    )
    found = mask if mask.any() else np.ones_like(mask)
    steps = (slice(LUNG_STEP // 2, None, LUNG_STEP),) * 3
    lung = (resized(found[box] * np.uint8(255), shape)[steps] >= 128).astype(np.uint8)
    return Cut(grey, grid, lung)


def lung_box(
    mask: lungs.Mask, geometry: Geometry, margin_mm: float
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """First voxel (z, y, x) and size of the box around lungs and margin, within the scan."""
    if not mask.any():
        return (0, 0, 0), geometry.shape
    planes = np.flatnonzero(mask.any(axis=(1, 2)))
    seen = mask.any(axis=0)
    ends = [
        (int(places[0]), int(places[-1]) + 1)
        for places in (planes, *(np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0)))
    ]
    margins = np.ceil(margin_mm / geometry.spacing_zyx - 1e-9).astype(int).tolist()
    low = [max(a - m, 0) for (a, _), m in zip(ends, margins, strict=True)]
    high = [min(b + m, n) for (_, b), m, n in zip(ends, margins, geometry.shape, strict=True)]
    z, y, x = (b - a for a, b in zip(low, high, strict=True))
    return (low[0], low[1], low[2]), (z, y, x)


def resized(volume: Grey, shape: tuple[int, ...]) -> Grey:
    """A volume (z, y, x) with `shape` voxels in the same box: areas' means, or linear between."""
    nz, ny, nx = shape
    planes = [_resized(image, (ny, nx)) for image in volume]
    across = np.stack(planes).transpose(1, 0, 2)  # y, z, x
    return np.stack([_resized(np.ascontiguousarray(page), (nz, nx)) for page in across], axis=1)


def _resized(image: Grey, shape: tuple[int, int]) -> Grey:
    """One axis after the other, each in its own way: OpenCV would take one way for both."""
    for axis in (0, 1):
        n, wanted = image.shape[axis], shape[axis]
        if n == wanted:
            continue
        way = cv2.INTER_AREA if wanted < n else cv2.INTER_LINEAR
        size = (image.shape[1], wanted) if axis == 0 else (wanted, image.shape[0])
        image = np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
    return image


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
        """The grid of the scan that it was made of, in the order of the patient."""
        return self._grids["native"]

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
        array = open_array(path)
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
    """Table `volumes` of a scan: its own grid and that of its volume."""
    rows = [("native", native), ("volume", grid)]
    return tables.frame("volumes", [{"seriesuid": uid, "grid": n} | g.to_row() for n, g in rows])
