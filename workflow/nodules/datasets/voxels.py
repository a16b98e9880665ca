"""A scan's voxels, seen once: hashes, range, and how often each value occurs."""

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
    """What makes two scans the same, whatever their files' type, byte order and compression.

    content: names how often each value occurs; order: also the values in their order on the
    stored grid. Equal only for equal voxels, but for chance: 16 bytes of a hash of all counts, and
    a CRC-32 of the values. number: of voxels.
    """

    content: str
    order: str
    number: int


@dataclass
class Planes:
    """The planes of the stored grid, looked at while the voxels pass by in pieces of any length.

    size: voxels of a plane. total, empty, again: planes seen; those that are 0 throughout, as no
    CT is; those with the voxels of the plane before, unless these are one value throughout.
    """

    size: int
    total: int = 0
    empty: int = 0
    again: int = 0
    _place: int = 0
    _crc: int = 0
    _value: int | None = None  # the one value of the plane so far, if it has but one
    _before: int | None = None

    def add(self, shorts: NDArray[np.int16]) -> None:
        """Look at the next voxels."""
        while len(shorts):
            part, shorts = np.split(shorts, [self.size - self._place])
            if self._place == 0:
                self._crc, self._value = 0, int(part[0])
            # The middle is asked first: it rules out nearly every plane at once.
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
    """A voxel of every few along each axis of the stored grid, kept while all of them pass by.

    mm: (z, y, x) kept voxels are no further apart than this, unless the grid's own are. Memory is
    taken for these and for one plane.
    """

    def __init__(self, grid: Geometry, mm: Sequence[float]) -> None:
        self.steps = np.maximum(1, mm // grid.spacing_zyx).astype(int)
        self.grid = grid.thinned(self.steps)
        self._kept = np.empty(self.grid.shape, np.int16)
        self._plane = np.empty(grid.shape[1:], np.int16)
        self._seen = 0  # voxels

    def add(self, shorts: NDArray[np.int16]) -> None:
        """Take the next voxels, of which there may be any number."""
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
        """The kept voxels (z, y, x) in the order of the patient, and their grid."""
        return in_patient_order(self._kept, self.grid)


@dataclass(frozen=True)
class Voxels:
    """What one pass over a voxel file tells.

    sha256:  of the file as it is stored.
    low, high: lowest and highest value; not a number where one of the values is none.
    counts:  of the values as int16, clipped; of unsigned 16-bit ones, of their bits.
    identity: of values that are HU, for finding the same scan twice.
    planes:  how many there are, are 0 throughout, are the one before again.
    """

    sha256: str
    low: float
    high: float
    counts: Counts
    identity: Identity
    planes: Planes

    @property
    def is_int16(self) -> bool:
        """Whether all values fit 16 bits, as HU do; not a number does not."""
        return self.low >= INT16.min and self.high <= INT16.max

    def columns(self) -> dict[str, Any]:
        """Columns sha256, hu_min and hu_max of table `scans`; no HU where a value is none."""
        return {
            "sha256": self.sha256,
            "hu_min": math.floor(self.low) if self.is_int16 else None,
            "hu_max": math.ceil(self.high) if self.is_int16 else None,
        }


def survey(header: Header, thinned: Thinned | None = None) -> Voxels:
    """Read the voxels once; FileDefect where the file is missing, short, long or damaged.

    thinned: is given the voxels, too.
    """
    digest = hashlib.sha256()
    by_bits = np.zeros(VALUES, np.int64)  # index 0 is the value 0, 65535 is -1
    crc, low, high = 0, np.inf, -np.inf
    planes = Planes(header.shape[1] * header.shape[2])
    for values in _values(header, digest.update):
        if values.dtype.kind in "iu" and values.dtype.itemsize == 2:
            shorts = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
        else:
            # Not a number stays so through NumPy's minimum and maximum, not through Python's.
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

    None for these where there are more than `labels.MOST` of all. FileDefect as in `survey`.
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
    """Values of any type rounded and clipped to int16; 0 for what is no number."""
    if values.dtype.kind == "f":
        values = np.rint(np.nan_to_num(values, nan=0.0))
    return np.clip(values, INT16.min, INT16.max).astype(np.int16)


def _counted(shorts: NDArray) -> NDArray[np.int64]:
    """How often each of 65536 patterns of 16 bits occurs."""
    return np.bincount(shorts.view(np.uint16), minlength=VALUES)


def _values(header: Header, seen: Callable[[bytes], object] | None) -> Iterator[NDArray]:
    """The voxels of a scan, a few million at a time; blocks need not end at a whole voxel."""
    size, rest = header.element.itemsize, b""
    for block in voxel_blocks(header, seen):
        joined = rest + block if rest else block
        whole = len(joined) // size
        rest = joined[whole * size :]
        if whole:
            yield np.frombuffer(joined, header.element, whole)
