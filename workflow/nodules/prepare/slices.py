"""A scan as a stack of square 8-bit slices around its lungs, each pixel at a known world place."""

import math
from collections.abc import Iterable
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
from nodules.prepare import coarse_grid


@dataclass(frozen=True)
class SliceSettings:
    """How slices are stored; the fields are the keys of the config's section `slices`."""

    size: int  # pixels along a side
    window: tuple[float, float]  # HU shown as 0 and 255
    margin_mm: float  # kept around the lungs
    isolate: bool  # paint over everything outside the lungs and their margin
    fill: int  # grey level of that paint


class CropBox(NamedTuple):
    """Box of native pixels that a scan's stored slices cover; may reach beyond the volume."""

    y0: int
    x0: int
    height: int
    width: int


def crop_box(mask: coarse_grid.Mask, geometry: Geometry, margin_mm: float) -> CropBox:
    """One box for all slices: a square in mm, to the nearest pixel, around lungs and margin.

    mask: uint8 (z, y, x) on `geometry`. If it is empty, the square around the whole image.
    """
    _, mm_y, mm_x = geometry.spacing_zyx
    (top, bottom), (left, right) = _extent(mask)
    if bottom <= top:
        (top, bottom), (left, right), margin_mm = (0, mask.shape[1]), (0, mask.shape[2]), 0.0
    side_mm = max((bottom - top) * mm_y, (right - left) * mm_x) + 2 * margin_mm
    height, width = (max(1, math.ceil(side_mm / mm - 1e-9)) for mm in (mm_y, mm_x))
    return CropBox((top + bottom - height) // 2, (left + right - width) // 2, height, width)


def _extent(mask: coarse_grid.Mask) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and one past the last row and column with a mask pixel in any slice; zeros if none."""
    seen = np.zeros(mask.shape[1:], np.uint8)
    for image in mask:
        np.bitwise_or(seen, image, out=seen)
    left, top, width, height = cv2.boundingRect(seen)
    return (top, top + height), (left, left + width)


def window(image: NDArray[np.int16], hu: tuple[float, float]) -> NDArray[np.uint8]:
    """Grey levels 0 to 255 from HU `hu[0]` to `hu[1]`, clipped, rounded to the nearest.

    image: int16 of two axes. The window's ends are rounded to whole HU.
    """
    low, high = (round(end) for end in hu)
    scale = 255 / (high - low)
    grey = cv2.convertScaleAbs(np.clip(image, low, high), alpha=scale, beta=-low * scale)
    return np.asarray(grey, np.uint8)


def cut(
    volume: NDArray[np.int16], geometry: Geometry, mask: coarse_grid.Mask, settings: SliceSettings
) -> tuple[NDArray[np.uint8], Geometry, CropBox]:
    """Window, isolate, crop and resize every native slice.

    volume: int16 HU (z, y, x); mask: its lungs, uint8. Returns the stack, uint8 (z, size, size),
    its grid and its crop box. Pixels beyond the volume are 0, the window's lower end. With
    `isolate`, everything farther than the margin from any lung voxel, in 3-D, gets the grey level
    `fill`, also beyond the volume; if no lung was found, nothing is painted. Smaller slices are
    area means, larger ones linear; either way the outer edges of box and slice coincide, so the
    grid is `Geometry.resampled` of the box.
    """
    crop = crop_box(mask, geometry, settings.margin_mm)
    extent, shape = (len(volume), *crop[2:]), (len(volume), settings.size, settings.size)
    isolate = settings.isolate and any(image.any() for image in mask)
    keep = coarse_grid.grow(mask, geometry, settings.margin_mm) if isolate else None
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


Part = tuple[slice, slice]  # of an image


def _overlap(crop: CropBox, shape: tuple[int, ...]) -> tuple[Part, Part]:
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
    mask: coarse_grid.Mask,
    grid: Geometry,
    crop: CropBox,
) -> pd.DataFrame:
    """Table `slices` of a scan.

    geometry: native grid; grid: that of the stack.
    """
    pixel_mm2 = float(geometry.spacing[0] * geometry.spacing[1])
    row, col = ((n - 1) / 2 for n in grid.shape[1:])
    z_mm = grid.to_world([(z, row, col) for z in range(grid.shape[0])])[:, 2]
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
        **{name: [value] * count for name, value in grid.to_row().items()},
    }
    return tables.frame("slices", pd.DataFrame(columns))


def write_pngs(folder: Path, stack: NDArray[np.uint8], slices: Iterable[int]) -> None:
    """Write some slices of a stack (z, y, x) as `slice_0000.png`, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for z in slices:
        _, png = cv2.imencode(".png", stack[z])
        write_bytes(folder / f"slice_{z:04d}.png", png.tobytes())
