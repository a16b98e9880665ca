"""Boxes cut from a volume and resampled, and masks moved from one grid to another."""

from collections.abc import Sequence

import cv2
import numpy as np
import scipy  # loads ndimage, a sixth of a second, on the first call of `moved`
from numpy.typing import ArrayLike, NDArray

from nodules.images.geometry import Geometry
from nodules.images.spheres import BoxedMask, clipped, corner_of

Corner = tuple[int, int, int]
Slices = tuple[slice, ...]
Grey = NDArray[np.uint8]


def corner_around(centre: ArrayLike, side: int) -> Corner:
    """First voxel (z, y, x) of the cube of `side` voxels whose centre is nearest to a place.

    centre: fractional index (z, y, x).
    """
    return corner_of(np.rint(np.asarray(centre, float) - (side - 1) / 2).astype(int))


def intersection(
    corner: ArrayLike, sides: Sequence[int], shape: Sequence[int]
) -> tuple[Slices, Slices]:
    """The part of a grid that a box covers, and that part within the box; empty if there is none.

    In Python's own integers: for three numbers NumPy takes longer than copying a small cube.
    """
    there, here = [], []
    for low, side, n in zip(np.asarray(corner).tolist(), sides, shape, strict=True):
        first = min(max(low, 0), n)
        last = min(max(low + side, first), n)
        there.append(slice(first, last))
        here.append(slice(first - low, last - low))
    return tuple(there), tuple(here)


def cube(volume: NDArray, corner: ArrayLike, shape: ArrayLike) -> NDArray:
    """A box (z, y, x) of a volume; 0 beyond the volume."""
    sides = np.asarray(shape).tolist()
    there, here = intersection(corner, sides, volume.shape)
    whole = np.zeros(sides, volume.dtype)
    whole[here] = volume[there]
    return whole


def moved(
    values: NDArray, corner: ArrayLike, source: Geometry, target: Geometry
) -> tuple[NDArray[np.float32], Corner]:
    """A box of values resampled from one grid to another: linear between voxels, 0 outside the box.

    values: (z, y, x), its first voxel at `corner` of `source`. Returns a box of `target`'s voxels,
    which may reach beyond that grid, and the index of its first voxel.
    """
    low = np.asarray(corner, float) - 1
    high = low + values.shape + 1
    ends = [[(low, high)[b][axis] for axis, b in enumerate(bits)] for bits in np.ndindex(2, 2, 2)]
    there = target.to_index(source.to_world(ends))
    first, last = np.floor(there.min(axis=0)).astype(int), np.ceil(there.max(axis=0)).astype(int)
    index = np.moveaxis(np.indices(last - first + 1), 0, -1) + first
    back = source.to_index(target.to_world(index)) - np.asarray(corner)
    # At the box's edge the values fall to 0 over one voxel, by the same interpolation.
    padded = np.pad(np.asarray(values, np.float32), 1)
    places = np.moveaxis(back, -1, 0) + 1
    found = scipy.ndimage.map_coordinates(padded, places, order=1, mode="constant")
    return np.asarray(found, np.float32), corner_of(first)


def moved_mask(box: BoxedMask, source: Geometry, target: Geometry) -> BoxedMask:
    """A mask moved to another grid; its boundary stays in place to a fraction of a voxel."""
    values, corner = moved(box[0], box[1], source, target)
    return clipped((values >= 0.5, corner), target.shape)


def resized(volume: Grey, shape: tuple[int, ...]) -> Grey:
    """A volume (z, y, x) resampled to `shape` voxels in the same box: area means, or linear.

    Axis by axis: the mean if it gets fewer voxels, linear interpolation if more; each in one call
    for the whole volume.
    """
    (depth, height, width), (nz, ny, nx) = volume.shape, shape
    across = np.ascontiguousarray(volume.transpose(1, 0, 2))  # y, z, x
    rows = _stretched(across.reshape(height, depth * width), ny, 0)
    columns = _stretched(rows.reshape(ny * depth, width), nx, 1)
    planes = np.ascontiguousarray(columns.reshape(ny, depth, nx).transpose(1, 0, 2))
    return _stretched(planes.reshape(depth, ny * nx), nz, 0).reshape(nz, ny, nx)


def resized_mask(box: BoxedMask, corner: ArrayLike, sides: ArrayLike, shape: Corner) -> Grey:
    """Mask within a cube, resampled like `resized`, 1 or 0; only rows that it is in are resampled.

    corner: the cube's first voxel, in the same grid as the box's; sides: the cube's size in voxels.
    """
    (mask, first), (nz, ny, nx) = box, shape
    depth, height, width = np.asarray(sides).tolist()
    seen, place = intersection(np.subtract(corner, first), (depth, height, width), mask.shape)
    part = mask[seen] * np.uint8(255)
    if not part.any():
        return np.zeros(shape, np.uint8)
    z, _, x = part.shape
    across = np.zeros((height, z, x), np.uint8)
    across[place[1]] = part.transpose(1, 0, 2)
    rows = np.zeros((ny, z, width), np.uint8)
    rows[..., place[2]] = _stretched(across.reshape(height, z * x), ny, 0).reshape(ny, z, x)
    planes = np.zeros((depth, ny, nx), np.uint8)
    columns = _stretched(rows.reshape(ny * z, width), nx, 1).reshape(ny, z, nx)
    planes[place[0]] = columns.transpose(1, 0, 2)
    return _stretched(planes.reshape(depth, ny * nx), nz, 0).reshape(shape) // 128


def _stretched(image: Grey, wanted: int, axis: int) -> Grey:
    n = image.shape[axis]
    if n == wanted:
        return image
    way = cv2.INTER_AREA if wanted < n else cv2.INTER_LINEAR
    size = (image.shape[1], wanted) if axis == 0 else (wanted, image.shape[0])
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
