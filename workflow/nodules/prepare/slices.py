"""A scan as a stack of square 8-bit slices around its lungs, every pixel of known world place."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.base.files import write_bytes
from nodules.images.geometry import Geometry
from nodules.prepare import lungs

Stack = NDArray[np.uint8]


@dataclass(frozen=True)
class Settings:
    """How slices are stored; the fields are the keys of the config's section `slices`."""

    size: int  # pixels along a side
    window: tuple[float, float]  # HU shown as 0 and 255
    margin_mm: float  # kept around the lungs
    isolate: bool  # paint what lies outside the lungs and their margin
    fill: int  # grey level of that paint
    png: str = "none"  # none, nodules or all


class CropBox(NamedTuple):
    """Box of native pixels that a scan's stored slices show; may reach beyond the volume."""

    y0: int
    x0: int
    height: int
    width: int


def crop_box(mask: lungs.Mask, geometry: Geometry, margin_mm: float) -> CropBox:
    """One box for all slices: a square in mm, to the nearest pixel, around lungs and margin.

    mask: uint8 (z, y, x) on `geometry`. Where it is empty, the square around the whole image.
    """
    _, mm_y, mm_x = geometry.spacing_zyx
    (top, bottom), (left, right) = _extent(mask)
    if bottom <= top:
        (top, bottom), (left, right), margin_mm = (0, mask.shape[1]), (0, mask.shape[2]), 0.0
    side_mm = max((bottom - top) * mm_y, (right - left) * mm_x) + 2 * margin_mm
    height, width = (max(1, math.ceil(side_mm / mm - 1e-9)) for mm in (mm_y, mm_x))
    return CropBox((top + bottom - height) // 2, (left + right - width) // 2, height, width)


def _extent(mask: lungs.Mask) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and one past the last row and column with a mask pixel in any slice; zeros if none."""
    seen = np.zeros(mask.shape[1:], np.uint8)
    for image in mask:
        np.bitwise_or(seen, image, out=seen)
    left, top, width, height = cv2.boundingRect(seen)
    return (top, top + height), (left, left + width)


def window(image: NDArray[np.int16], hu: tuple[float, float]) -> NDArray[np.uint8]:
    """Grey levels 0 to 255 of HU `hu[0]` to `hu[1]`, cut off beyond, rounded to the nearest.

    image: int16 of two axes. The window's ends are taken as whole HU.
    """
    low, high = (round(end) for end in hu)
    scale = 255 / (high - low)
    grey = cv2.convertScaleAbs(np.clip(image, low, high), alpha=scale, beta=-low * scale)
    return np.asarray(grey, np.uint8)


def cut(
    volume: NDArray[np.int16], geometry: Geometry, mask: lungs.Mask, settings: Settings
) -> tuple[Stack, Geometry, CropBox]:
    """Window, isolate, crop and resize every native slice.

    volume: int16 HU (z, y, x); mask: its lungs, uint8. Returns the stack, uint8 (z, size, size),
    its grid and its crop box. Beyond the volume lies the window's floor. With `isolate`, what is
    further than the margin from any lung voxel, in 3-D, takes the grey level `fill`, also beyond
    the volume; where no lung was found nothing is painted. Smaller slices average the area of a
    pixel, larger ones are linear; either way the outer edges of box and slice coincide, so the
    grid is `Geometry.resampled` of the box.
    """
    crop = crop_box(mask, geometry, settings.margin_mm)
    extent, shape = (len(volume), *crop[2:]), (len(volume), settings.size, settings.size)
    isolate = settings.isolate and any(image.any() for image in mask)
    keep = lungs.grow(mask, geometry, settings.margin_mm) if isolate else None
    way = cv2.INTER_AREA if settings.size < min(crop.height, crop.width) else cv2.INTER_LINEAR
    native, page_part = _overlap(crop, volume.shape[1:])
    stack = np.empty(shape, np.uint8)
    page = np.empty((crop.height, crop.width), np.uint8)
    for z, out in enumerate(stack):
        page[:] = 0 if keep is None else settings.fill
        if keep is None:
            page[page_part] = window(volume[z][native], settings.window)
        elif keep[z].any():
            shown = window(volume[z][native], settings.window)
            page[page_part] = cv2.copyTo(shown, keep[z][native], page[page_part])
        cv2.resize(page, (settings.size, settings.size), dst=out, interpolation=way)
    return stack, geometry.resampled((0, crop.y0, crop.x0), extent, shape), crop


Box = tuple[slice, slice]


def _overlap(crop: CropBox, shape: tuple[int, ...]) -> tuple[Box, Box]:
    """The part of a crop box within an image, as slices of the image and of the box."""
    native, page = [], []
    for first, length, size in zip(crop[:2], crop[2:], shape, strict=True):
        start, stop = max(first, 0), min(first + length, size)
        native.append(slice(start, stop))
        page.append(slice(start - first, stop - first))
    return (native[0], native[1]), (page[0], page[1])


def describe(
    uid: str,
    geometry: Geometry,
    mask: lungs.Mask,
    grid: Geometry,
    crop: CropBox,
    nodules: pd.DataFrame,
) -> pd.DataFrame:
    """Table `slices` of a scan.

    geometry: native grid; grid: that of the stack; nodules: the scan's rows of table `nodules`.
    """
    pixel_mm2 = float(geometry.spacing[0] * geometry.spacing[1])
    row, col = ((n - 1) / 2 for n in grid.shape[1:])
    z_mm = grid.to_world([(z, row, col) for z in range(grid.shape[0])])[:, 2]
    areas = nodule_areas(geometry, nodules)
    count = grid.shape[0]
    columns = {
        "seriesuid": uid,
        "slice": np.arange(count),
        "z_mm": z_mm,
        "crop_y0": crop.y0,
        "crop_x0": crop.x0,
        "crop_height": crop.height,
        "crop_width": crop.width,
        "mm_per_px": float(grid.spacing[0]),
        "lung_mm2": [cv2.countNonZero(image) * pixel_mm2 for image in mask],
        "nodules": [nodules["nodule"].to_numpy()[crossed] for crossed in (areas > 0).T],
        "nodule_mm2": areas.sum(axis=0),
        **{name: [value] * count for name, value in grid.to_row().items()},
    }
    return tables.frame("slices", pd.DataFrame(columns))


def nodule_areas(geometry: Geometry, nodules: pd.DataFrame) -> NDArray[np.float64]:
    """Area in mm^2, (nodules, slices), of each nodule's sphere where a slice's plane cuts it.

    A sphere of radius r at distance d from the plane: pi (r^2 - d^2), else 0.
    """
    centres = geometry.to_index(nodules[["x", "y", "z"]].to_numpy(float).reshape(-1, 3))[:, :1]
    distance = (np.arange(geometry.shape[0]) - centres) * geometry.spacing_zyx[0]
    radius = nodules["diameter_mm"].to_numpy(float)[:, None] / 2
    return np.pi * np.maximum(radius**2 - distance**2, 0)


def write_pngs(folder: Path, stack: Stack, table: pd.DataFrame, which: str) -> None:
    """Write `slice_0000.png` .. of the slices that `which` names: none, nodules or all."""
    folder.mkdir(parents=True, exist_ok=True)
    for z, found in zip(table["slice"], table["nodules"], strict=True):
        if which == "all" or (which == "nodules" and len(found)):
            _, png = cv2.imencode(".png", stack[z])
            write_bytes(folder / f"slice_{z:04d}.png", png.tobytes())
