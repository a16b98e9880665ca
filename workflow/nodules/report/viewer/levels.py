"""Voxels as the page stores them: integer levels, each for one HU, in pieces of some slices."""

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = -1024, 3071  # HU that a served scan keeps; others are clipped
GZIP = 31  # window bits that make zlib write gzip's header
PIECE_VOXELS = 4 << 20  # about; small enough for several pieces to be unpacked at once


def _bytes(lung: int, soft: int, bone: int) -> NDArray[np.int16]:
    """Up to 256 levels in HU: steps for lung (-1024 to -160), soft tissue (to 240) and bone.

    From 1200 HU up, where there is little but teeth and metal, the steps of bone are wider where
    they must be for the last level to be 3071.
    """
    parts = [np.arange(LOWEST, -160, lung), np.arange(-160, 240, soft), np.arange(240, 1200, bone)]
    fine = np.concatenate(parts)
    dense = np.linspace(1200, HIGHEST, min(256 - len(fine), (HIGHEST - 1200) // bone + 2))
    return np.concatenate([fine, dense.round()]).astype(np.int16)


# The finest first: errors up to 4, 3 and 10 HU; for large or noisy scans 10, 5 and 20, and so on.
# Only thin slices need the last ones, and their noise is as large as the steps.
LADDER = tuple(_bytes(*steps) for steps in ((8, 5, 20), (20, 10, 40), (40, 20, 80), (80, 40, 160)))
FINE, COARSE = LADDER[:2]
FULL = np.arange(LOWEST, HIGHEST + 1, dtype=np.int16)


def coded(voxels: NDArray[np.int16], levels: NDArray[np.int16]) -> NDArray[Any]:
    """The index of the level nearest to each HU: uint8 for up to 256 levels, else uint16.

    Levels ascend, so a maximum over levels lies where the maximum over HU does.
    """
    kind = np.uint8 if len(levels) <= 256 else np.uint16
    if len(levels) == len(FULL):
        return (np.clip(voxels, LOWEST, HIGHEST) - LOWEST).astype(kind)
    between = (levels[1:].astype(int) + levels[:-1]) / 2
    table = np.searchsorted(between, np.arange(LOWEST, HIGHEST + 1)).astype(kind)
    return table[np.clip(voxels, LOWEST, HIGHEST).astype(np.int32) - LOWEST]


def depth_of(shape: tuple[int, int, int]) -> int:
    """Slices per piece."""
    return max(PIECE_VOXELS // (shape[1] * shape[2]), 1)


def packed(voxels: NDArray[np.uint8]) -> Iterator[bytes]:
    """Pieces of `depth_of` slices, gzipped: each voxel's difference from its prediction.

    The prediction is the mean, rounded down, of the voxel before it in its row and the one above
    it; outside a slice both are 0. Source of the filter: "Average" in the PNG specification (W3C).
    The differences are noise, in which only runs repeat: looking for other matches takes longer and
    makes the result 4 to 10 % larger.
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
    """Pieces of `depth_of` slices as raw little-endian uint16, for the local server."""
    depth = depth_of((voxels.shape[0], voxels.shape[1], voxels.shape[2]))
    for start in range(0, len(voxels), depth):
        yield voxels[start : start + depth].astype("<u2", copy=False).tobytes()
