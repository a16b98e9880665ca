"""Voxels as the page keeps them: whole numbers, each of which stands for a HU, in packed pieces."""

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = -1024, 3071  # HU that a served scan keeps
GZIP = 31  # window bits that make zlib write gzip's header
PIECE_VOXELS = 4 << 20  # voxels of a piece, about: small enough to be unpacked beside others


def _bytes(lung: int, soft: int, bone: int) -> NDArray[np.int16]:
    """256 HU in steps for lung (-1024 to -160), soft tissue (to 240) and bone (from there)."""
    parts = [np.arange(LOWEST, -160, lung), np.arange(-160, 240, soft), np.arange(240, 4000, bone)]
    return np.concatenate(parts)[:256].astype(np.int16)


# The finest first: within 4, 3 and 10 HU; for large or noisy scans within 10, 5 and 20, and so on.
# What needs the last ones is thin slices, whose noise is as large as their steps.
LADDER = tuple(_bytes(*steps) for steps in ((8, 5, 20), (20, 10, 40), (40, 20, 80), (80, 40, 160)))
FINE, COARSE = LADDER[:2]
FULL = np.arange(LOWEST, HIGHEST + 1, dtype=np.int16)


def coded(voxels: NDArray[np.int16], levels: NDArray[np.int16]) -> NDArray[Any]:
    """The number of the level nearest to each HU: uint8 for 256 levels, else uint16.

    Levels ascend, so the highest of several voxels has the highest number: a maximum of HU and one
    of levels are the same place.
    """
    kind = np.uint8 if len(levels) <= 256 else np.uint16
    if len(levels) == len(FULL):
        return (np.clip(voxels, LOWEST, HIGHEST) - LOWEST).astype(kind)
    between = (levels[1:].astype(int) + levels[:-1]) / 2
    table = np.searchsorted(between, np.arange(LOWEST, HIGHEST + 1)).astype(kind)
    return table[np.clip(voxels, LOWEST, HIGHEST).astype(np.int32) - LOWEST]


def depth_of(shape: tuple[int, int, int]) -> int:
    """Slices of a piece."""
    return max(PIECE_VOXELS // (shape[1] * shape[2]), 1)


def packed(voxels: NDArray[np.uint8]) -> Iterator[bytes]:
    """Pieces of `depth_of` slices: each voxel's difference from what its neighbours foretell, gzip.

    Foretold is the mean, rounded down, of the voxel before it in its row and the one above it;
    outside a slice both are 0. Source of the filter: "Average" in the PNG specification (W3C).
    What is left is noise, in which nothing but runs comes again: looking for more costs time, and
    4 to 10 % of the size.
    """
    depth = depth_of((voxels.shape[0], voxels.shape[1], voxels.shape[2]))
    for start in range(0, len(voxels), depth):
        piece = voxels[start : start + depth]
        foretold = np.zeros(piece.shape, np.uint16)
        foretold[:, :, 1:] += piece[:, :, :-1]
        foretold[:, 1:] += piece[:, :-1]
        stream = zlib.compressobj(4, zlib.DEFLATED, GZIP, 9, zlib.Z_RLE)
        yield stream.compress((piece - (foretold >> 1).astype(np.uint8)).tobytes()) + stream.flush()


def wide(voxels: NDArray[np.uint16]) -> Iterator[bytes]:
    """Pieces of `depth_of` slices as they are, little-endian: for a server on this machine."""
    depth = depth_of((voxels.shape[0], voxels.shape[1], voxels.shape[2]))
    for start in range(0, len(voxels), depth):
        yield voxels[start : start + depth].astype("<u2", copy=False).tobytes()
