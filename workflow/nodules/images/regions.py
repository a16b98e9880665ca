"""Binary masks as table rows: per region and slice, a bounding box with packed pixels.

A scan's masks take kilobytes instead of a whole volume, and a slice is painted in microseconds.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables


def encode(
    uid: str,
    kind: str,
    grid: str,
    region: int,
    mask: NDArray[np.bool_],
    corner: tuple[int, int, int] = (0, 0, 0),
) -> Iterator[dict[str, Any]]:
    """Rows of table `regions` for a boolean mask (z, y, x) whose first voxel is at `corner`."""
    for z in np.flatnonzero(mask.any(axis=(1, 2))):
        rows = np.flatnonzero(mask[z].any(axis=1))
        cols = np.flatnonzero(mask[z].any(axis=0))
        box = mask[z, rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
        yield {
            "seriesuid": uid,
            "kind": kind,
            "grid": grid,
            "region": region,
            "z": int(z) + corner[0],
            "y0": int(rows[0]) + corner[1],
            "x0": int(cols[0]) + corner[2],
            "height": box.shape[0],
            "width": box.shape[1],
            "bits": np.packbits(box).tobytes(),
        }


def decode(height: int, width: int, bits: bytes) -> NDArray[np.bool_]:
    """Boolean pixels (height, width) of one row's bounding box."""
    flat = np.unpackbits(np.frombuffer(bits, np.uint8), count=height * width)
    return flat.reshape(height, width).astype(bool)


def paint_slice(rows: pd.DataFrame, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Label image (y, x) of one slice's rows: 0 for background, else the region's number.

    Where regions overlap, the later row wins; parts outside `shape` are cut off.
    """
    image = np.zeros(shape, np.uint16)
    columns = (rows[c] for c in ("region", "y0", "x0", "height", "width", "bits"))
    for region, y0, x0, height, width, bits in zip(*columns, strict=True):
        _paint(image, int(region), (int(y0), int(x0)), decode(height, width, bits))
    return image


def paint(rows: pd.DataFrame, shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """Label volume (z, y, x) of a scan's rows of one kind and grid."""
    volume = np.zeros(shape, np.uint16)
    for z, group in rows.groupby("z"):
        volume[int(z)] = paint_slice(group, shape[1:])
    return volume


def box(rows: pd.DataFrame) -> tuple[NDArray[np.bool_], tuple[int, int, int]]:
    """Union of the rows as a mask in its bounding box (z, y, x), and the box's first voxel."""
    # NumPy, since pandas takes 2 ms per mask and a scan has hundreds of candidates.
    first = np.stack([rows[c].to_numpy(np.int64) for c in ("z", "y0", "x0")], axis=1)
    sides = np.stack([rows[c].to_numpy(np.int64) for c in ("height", "width")], axis=1)
    low = first.min(axis=0)
    mask = np.zeros((first + np.insert(sides, 0, 1, axis=1)).max(axis=0) - low, bool)
    corners, sizes = (first - low).tolist(), sides.tolist()
    for (z, y, x), (height, width), bits in zip(corners, sizes, rows["bits"], strict=True):
        mask[z, y : y + height, x : x + width] |= decode(height, width, bits)
    return mask, (int(low[0]), int(low[1]), int(low[2]))


def select(rows: pd.DataFrame, kind: str, grid: str) -> pd.DataFrame:
    """The rows of one kind on one grid."""
    return rows[(rows["kind"] == kind) & (rows["grid"] == grid)]


def area(rows: pd.DataFrame) -> pd.Series:
    """Number of mask pixels in each row."""
    counts = [int(np.unpackbits(np.frombuffer(bits, np.uint8)).sum()) for bits in rows["bits"]]
    return pd.Series(counts, index=rows.index, dtype="int64")


def empty() -> pd.DataFrame:
    """A `regions` table without rows."""
    return tables.frame("regions")


def _paint(
    image: NDArray[np.uint16], value: int, corner: tuple[int, int], mask: NDArray[np.bool_]
) -> None:
    y0, x0 = corner
    height, width = mask.shape
    top, left = max(y0, 0), max(x0, 0)
    bottom, right = min(y0 + height, image.shape[0]), min(x0 + width, image.shape[1])
    if top < bottom and left < right:
        part = mask[top - y0 : bottom - y0, left - x0 : right - x0]
        image[top:bottom, left:right][part] = value
