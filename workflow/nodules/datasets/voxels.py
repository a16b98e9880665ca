"""One pass over a scan's voxels: hashes, range, and the count of each value."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from nodules.datasets import labels
from nodules.datasets.hounsfield import LOWEST, VALUES, Counts
from nodules.datasets.labels import Labelled
from nodules.images.geometry import Geometry
from nodules.images.metaimage import voxel_blocks
from nodules.images.metaimage_header import Header
from nodules.images.volume import in_patient_order

INT16 = np.iinfo(np.int16)


class Identity(NamedTuple):
    """A scan's fingerprint, independent of the files' data type, byte order and compression.

    content: of how often each value occurs; order: also of the values' order on the stored grid.
    Equal only for equal voxels, except by chance: 16 bytes of a hash of all counts, and a CRC-32 of
    the values. number: of voxels.
    """

    content: str
    order: str
    number: int


@dataclass
class Planes:
    """Planes of the stored grid, examined while the voxels pass by in pieces of any length.

    size: voxels of a plane. total: planes seen. empty: planes that are 0 throughout, as no CT's
    are. again: planes equal to the one before, unless they hold a single value.
    """

    size: int
    total: int = 0
    empty: int = 0
    again: int = 0
    _place: int = 0
    _crc: int = 0
    _value: int | None = None  # the value of the plane so far, if there is only one
    _before: int | None = None

    def add(self, shorts: NDArray[np.int16]) -> None:
        """Examine the next voxels."""
        while len(shorts):
            part, shorts = np.split(shorts, [self.size - self._place])
            if self._place == 0:
                self._crc, self._value = 0, int(part[0])
            # The middle voxel first: it rules out nearly every plane at once.
            if self._value is not None and (
                part[len(part) // 2] != self._value or (part != self._value).any()
            ):
                self._value = None
            self._crc = isal_zlib.crc32(part.view(np.uint8).data, self._crc)
            self._place += len(part)
            if self._place == self.size:
                self._end()

    def _end(self) -> None:
        self.total += 1
        self.empty += self._value == 0
        self.again += self._value is None and self._crc == self._before
        self._before, self._place = self._crc, 0


class Thinned:
    """Every n-th voxel along each axis of the stored grid, kept while all of them pass by.

    mm: (z, y, x) upper bound of the distance between kept voxels, unless the grid's own is larger.
    Memory is used for these and for one plane.
    """

    def __init__(self, grid: Geometry, mm: Sequence[float]) -> None:
        self.steps = np.maximum(1, mm // grid.spacing_zyx).astype(int)
        self.grid = grid.thinned(self.steps)
        self._kept = np.empty(self.grid.shape, np.int16)
        self._plane = np.empty(grid.shape[1:], np.int16)
        self._seen = 0  # voxels

    def add(self, shorts: NDArray[np.int16]) -> None:
        """Take the next voxels, any number of them."""
        size = self._plane.size
        while len(shorts):
            z, place = divmod(self._seen, size)
            part, shorts = np.split(shorts, [size - place])
            self._seen += len(part)
            if z % self.steps[0]:
                continue
            self._plane.reshape(-1)[place : place + len(part)] = part
            if place + len(part) == size:
                rows, columns = self.steps[1:]
                self._kept[z // self.steps[0]] = self._plane[::rows, ::columns]

    def volume(self) -> tuple[NDArray[np.int16], Geometry]:
        """The kept voxels (z, y, x), reoriented to lie nearest to LPS, and their grid."""
        return in_patient_order(self._kept, self.grid)


@dataclass(frozen=True)
class Voxels:
    """Results of one pass over a voxel file.

    sha256:  of the file as it is stored.
    low, high: lowest and highest value; NaN if any value is NaN.
    counts:  of the values clipped to int16; of unsigned 16-bit values, read as signed ones.
    identity: of values that are HU, for finding duplicate scans.
    planes:  numbers of all planes, of empty ones and of repetitions.
    """

    sha256: str
    low: float
    high: float
    counts: Counts
    identity: Identity
    planes: Planes

    @property
    def is_int16(self) -> bool:
        """Whether all values fit into int16, as HU do; NaN does not."""
        return self.low >= INT16.min and self.high <= INT16.max

    def columns(self) -> dict[str, Any]:
        """Columns sha256, hu_min and hu_max of table `scans`; no HU unless `is_int16`."""
        return {
            "sha256": self.sha256,
            "hu_min": math.floor(self.low) if self.is_int16 else None,
            "hu_max": math.ceil(self.high) if self.is_int16 else None,
        }


def survey(header: Header, thinned: Thinned | None = None) -> Voxels:
    """Read the voxels once; FileDefect if the file is missing, short, long or damaged.

    thinned: also receives the voxels.
    """
    digest = hashlib.sha256()
    by_bits = np.zeros(VALUES, np.int64)  # index 0 is the value 0, 65535 is -1
    crc, low, high = 0, np.inf, -np.inf
    planes = Planes(header.shape[1] * header.shape[2])
    for values in _values(header, digest.update):
        if values.dtype.kind in "iu" and values.dtype.itemsize == 2:
            shorts = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
        else:
            # NumPy's minimum and maximum pass NaN on; Python's do not.
            low, high = (
                float(f(edge, now))
                for f, edge, now in (
                    (np.minimum, low, values.min()),
                    (np.maximum, high, values.max()),
                )
            )
            shorts = as_int16(values)
        crc = isal_zlib.crc32(shorts.view(np.uint8).data, crc)
        planes.add(shorts.view(np.int16))
        if thinned is not None:
            thinned.add(shorts.view(np.int16))
        by_bits += _counted(shorts)
    counts = np.roll(by_bits, VALUES // 2)
    if header.element.itemsize == 2:
        seen = np.flatnonzero(by_bits if header.element.kind == "u" else counts)
        first = 0 if header.element.kind == "u" else LOWEST
        low, high = float(seen[0] + first), float(seen[-1] + first)
    content = hashlib.blake2b(counts.tobytes(), digest_size=16).hexdigest()
    identity = Identity(content, f"{content} {crc:08x} {header.shape}", int(counts.sum()))
    return Voxels(digest.hexdigest(), low, high, counts, identity, planes)


def labelled(header: Header) -> tuple[float, float, Labelled | None]:
    """Lowest and highest value of a label volume, and its labelled voxels on the stored grid.

    None instead of the voxels if more than `labels.MOST` of the volume is labelled. FileDefect as
    in `survey`.
    """
    low, high, seen, kept = np.inf, -np.inf, 0, 0
    places: list[NDArray[np.int64]] = []
    found: list[NDArray] = []
    for values in _values(header, None):
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        if kept <= labels.MOST * np.prod(header.shape):
            own = np.flatnonzero(values > 0)
            places.append(own + seen)
            found.append(values[own])
            kept += len(own)
        seen += len(values)
    if kept > labels.MOST * np.prod(header.shape):
        return low, high, None
    shorts = [as_int16(part) for part in found]
    return low, high, Labelled.of_flat(np.concatenate(places), np.concatenate(shorts), header.shape)


def as_int16(values: NDArray) -> NDArray[np.int16]:
    """Values of any type rounded and clipped to int16; 0 for NaN."""
    if values.dtype.kind == "f":
        values = np.rint(np.nan_to_num(values, nan=0.0))
    return np.clip(values, INT16.min, INT16.max).astype(np.int16)


def _counted(shorts: NDArray) -> NDArray[np.int64]:
    """Count of each of the 65536 patterns of 16 bits."""
    return np.bincount(shorts.view(np.uint16), minlength=VALUES)


def _values(header: Header, seen: Callable[[bytes], object] | None) -> Iterator[NDArray]:
    """The voxels of a scan, a few million at a time; file blocks need not end at a whole voxel."""
    size, rest = header.element.itemsize, b""
    for block in voxel_blocks(header, seen):
        joined = rest + block if rest else block
        whole = len(joined) // size
        rest = joined[whole * size :]
        if whole:
            yield np.frombuffer(joined, header.element, whole)
