"""Defective voxels and label volumes, and what has to be said of each."""

import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helpers import chest
from helpers.luna16_folder import write_scan
from reliability.catalogue import AGAIN_DATA, COUNT, DATA, NONE, Case, header_line, pipe


def raw(content: bytes) -> Callable[[Path], object]:
    """Replace the voxels of the uncompressed scan."""
    return lambda folder: (folder / "subset0/2.25.1.raw").write_bytes(content)


def zraw(content: bytes) -> Callable[[Path], None]:
    """Replace the voxels of the compressed scan, whose header then says no size of it."""

    def damage(folder: Path) -> None:
        header_line("CompressedDataSize", "", "subset0/2.25.2.mhd")(folder)
        (folder / "subset0/2.25.2.zraw").write_bytes(content)

    return damage


def planes(change: Callable[[NDArray[np.int16]], object]) -> Callable[[Path], None]:
    """Store the first scan as a drawn chest some of whose slices are changed."""

    def damage(folder: Path) -> None:
        voxels = chest.chest()
        change(voxels)
        chest.write(folder, voxels)

    return damage


def floats(*values: float) -> Callable[[Path], None]:
    """Store the first scan as floats of air, the last of them given."""

    def damage(folder: Path) -> None:
        header_line("ElementType", "ElementType = MET_FLOAT")(folder)
        voxels = np.full(COUNT, -900, "<f4")
        voxels[: len(values)] = values
        raw(voxels.tobytes())(folder)

    return damage


def doubles(value: float) -> Callable[[Path], None]:
    """Store the first scan as doubles of air, one of them given."""

    def damage(folder: Path) -> None:
        header_line("ElementType", "ElementType = MET_DOUBLE")(folder)
        raw(np.array([value] + [-900] * (COUNT - 1), "<f8").tobytes())(folder)

    return damage


def labelled(*values: int) -> Callable[[Path], None]:
    """Put a label volume of zeros, but for some values, beside the first scan."""

    def change(path: Path) -> None:
        header_line("ElementType", "ElementType = MET_INT", path.name)(path.parent)
        stored = np.zeros(COUNT, "<i4")
        stored[: len(values)] = values
        (path.parent / "2.25.7.raw").write_bytes(stored.tobytes())

    return labels(change)


def unsigned(folder: Path) -> None:
    header_line("ElementType", "ElementType = MET_USHORT")(folder)


def big_endian(folder: Path) -> None:
    header_line("BinaryDataByteOrderMSB", "BinaryDataByteOrderMSB = True")(folder)


def same_voxels(folder: Path) -> None:
    shutil.copy(folder / "subset0/2.25.1.raw", folder / "subset4/2.25.3.raw")


def labels(change: Callable[[Path], None]) -> Callable[[Path], None]:
    """Put a label volume beside the first scan, then damage it."""

    def damage(folder: Path) -> None:
        path = write_scan(folder, 0, "2.25.7")
        moved = path.with_name("2.25.1_nodules.mhd")
        path.rename(moved)
        change(moved)

    return damage


RESCALE = "apply DICOM's RescaleSlope and RescaleIntercept once"
GOOD = np.arange(-500, COUNT - 500, dtype="<i2").tobytes()
CORRUPT = bytearray(zlib.compress(GOOD))
CORRUPT[-1] ^= 1  # its checksum
LABELS, FROM_1 = "subset0/2.25.1_nodules.mhd", "Number the nodules from 1 on"
PACKED = "subset0/2.25.2.zraw"
SECOND = ("2.25.2",)

VOXELS = [
    Case("no voxel file", lambda f: (f / DATA).unlink(), DATA, "cannot be read", AGAIN_DATA),
    Case("no bytes", raw(b""), DATA, "0 bytes long where its header says 864", AGAIN_DATA),
    Case("a byte short", raw(GOOD[:-1]), DATA, "863 bytes long where its", AGAIN_DATA),
    Case("a byte long", raw(GOOD + b"\0"), DATA, "865 bytes long where its", AGAIN_DATA),
    Case(
        "a slice fewer than the header says",
        header_line("DimSize", "DimSize = 8 9 7"),
        DATA,
        "864 bytes long where its header says 1008",
        AGAIN_DATA,
    ),
    Case(
        "a slice more than the header says",
        header_line("DimSize", "DimSize = 8 9 5"),
        DATA,
        "864 bytes long where its header says 720",
        AGAIN_DATA,
    ),
    Case(
        "another type than the header says",
        header_line("ElementType", "ElementType = MET_INT"),
        DATA,
        "864 bytes long where its header says 1728",
        AGAIN_DATA,
    ),
    Case(
        "a folder for a voxel file",
        lambda f: ((f / DATA).unlink(), (f / DATA).mkdir()),
        DATA,
        "",
        AGAIN_DATA,
    ),
    Case(
        "zlib cut off",
        zraw(zlib.compress(GOOD)[:40]),
        PACKED,
        "fewer than its",
        AGAIN_DATA,
        SECOND,
    ),
    Case(
        "zlib without end",
        zraw(zlib.compress(GOOD)[:-4]),
        PACKED,
        "its checksum is missing",
        AGAIN_DATA,
        SECOND,
    ),
    Case(
        "zlib with a wrong checksum",
        zraw(bytes(CORRUPT)),
        PACKED,
        "not intact zlib data",
        AGAIN_DATA,
        SECOND,
    ),
    Case(
        "no zlib at all",
        zraw(b"no zlib at all"),
        PACKED,
        "not intact zlib data",
        AGAIN_DATA,
        SECOND,
    ),
    Case(
        "zlib of fewer voxels",
        zraw(zlib.compress(GOOD[:-2])),
        PACKED,
        "2 bytes of voxels fewer",
        AGAIN_DATA,
        SECOND,
    ),
    Case(
        "zlib of more voxels",
        zraw(zlib.compress(GOOD + b"\0")),
        PACKED,
        "holds more voxels",
        AGAIN_DATA,
        SECOND,
    ),
    Case(
        "zlib of a gigabyte",
        zraw(zlib.compress(bytes(1 << 30), 9)),
        PACKED,
        "holds more voxels",
        AGAIN_DATA,
        SECOND,
    ),
    Case(
        "bytes after the zlib data",
        zraw(zlib.compress(GOOD) + b"\0"),
        PACKED,
        "goes on after the end",
        AGAIN_DATA,
        SECOND,
    ),
    Case(
        "compressed, but not said so",
        header_line("CompressedData", "CompressedData = False", "subset0/2.25.2.mhd"),
        PACKED,
        "bytes long where its header says 864",
        AGAIN_DATA,
        SECOND,
    ),
    Case(
        "said to be compressed, but not",
        header_line("CompressedData", "CompressedData = True"),
        DATA,
        "not intact zlib data",
        AGAIN_DATA,
    ),
    Case("all one value", raw(b"\1\0" * COUNT), DATA, "all voxels are 1", "Replace the file."),
    Case("all zero", raw(bytes(2 * COUNT)), DATA, "all voxels are 0", "Replace the file."),
    Case(
        "stored values instead of HU",
        raw(np.arange(COUNT, dtype="<i2").tobytes()),
        DATA,
        "no air: the lowest voxel is 0, so these are not HU",
        RESCALE,
    ),
    Case("unsigned voxels", unsigned, DATA, "ElementType uint16 cannot hold HU", "MET_SHORT"),
    Case("the wrong byte order", big_endian, DATA, "so these are not HU", "ByteOrderMSB"),
    Case("a voxel that is NaN", floats(np.nan), DATA, "not finite", "Replace the file."),
    Case("a voxel that is infinite", floats(np.inf), DATA, "not finite", "Replace the file."),
    Case(
        "two scans with the same voxels",
        same_voxels,
        DATA,
        "the same voxels as scan 2.25.3",
        "check ElementDataFile in the headers",
        ("2.25.1", "2.25.3"),
    ),
    Case(
        "labels on another grid",
        labels(lambda path: header_line("Offset", "Offset = -4 -5 -5", path.name)(path.parent)),
        "subset0/2.25.1_nodules.mhd",
        "the label volume has another grid than its scan",
        "Store the labels on the scan's own grid, or remove them.",
    ),
    Case(
        "labels without voxels",
        labels(lambda path: (path.parent / "2.25.7.raw").unlink()),
        "subset0/2.25.7.raw",
        "cannot be read",
        AGAIN_DATA,
    ),
    Case(
        "a pipe for a voxel file",
        pipe(DATA),
        DATA,
        "cannot be read (it is not a regular file)",
        AGAIN_DATA,
    ),
    *(
        Case(
            f"voxels of {value:g}",
            doubles(value),
            DATA,
            f"voxels from {min(value, -900):g} to {max(value, -900):g}, more than 16 bits hold",
            "Store Hounsfield units as LUNA16 does: MET_SHORT.",
        )
        for value in (1e30, 1e308, -1e308, 40_000)
    ),
    Case(
        "labels in a pipe",
        labels(lambda path: pipe(path.name)(path.parent)),
        LABELS,
        "the header cannot be read (it is not a regular file)",
        "Check the path and permissions.",
    ),
    Case(
        "label voxels in a pipe",
        labels(lambda path: pipe("2.25.7.raw")(path.parent)),
        "subset0/2.25.7.raw",
        "cannot be read (it is not a regular file)",
        AGAIN_DATA,
    ),
    Case(
        "labels that are a link to nothing",
        lambda f: (f / LABELS).symlink_to("nowhere"),
        LABELS,
        "the header cannot be read (No such file or directory)",
        "Check the path and permissions.",
    ),
    *(
        Case(
            f"slices of zeros {where}",
            planes(lambda v, part=part: v[part].fill(0)),
            DATA,
            f"{number} of 24 slices are 0 throughout, as where a copy ended",
            "Copy the file again; where the scan was padded, store air, -1000 HU, and not 0.",
        )
        for where, part, number in (
            ("at the end", slice(10, None), 14),
            ("amid the scan", slice(7, 9), 2),
        )
    ),
    Case(
        "a slice twice",
        planes(lambda v: v[10].__setitem__(..., v[9])),
        DATA,
        "1 of 24 slices have the voxels of the one before",
        "Look whether slices were converted twice",
        NONE,
    ),
    Case(
        "every slice twice",
        planes(lambda v: v[1::2].__setitem__(..., v[::2])),
        DATA,
        "12 of 24 slices have the voxels of the one before",
        "Look whether slices were converted twice",
        NONE,
    ),
    Case("a label below 0", labelled(1, -3), LABELS, "the label -3 is below 0", FROM_1),
    Case("a label of 40000", labelled(1, 40_000), LABELS, "label 40000 is above 32767", FROM_1),
    Case("no label", labelled(), LABELS, "there is no label in it", "Nothing to do, unless", NONE),
]
