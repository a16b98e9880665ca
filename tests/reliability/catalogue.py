"""Defective inputs, each made by code from a small valid folder, and what has to be said of it.

A case's damage is done to the folder of `luna16_folder.write_folder`: scans 2.25.1 (raw) and
2.25.2 (zraw) in subset0, 2.25.3 (flipped) in subset4, and the four lists.
"""

import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from luna16_folder import HEAD, write_scan

SHAPE = (6, 9, 8)  # of every scan of the folder
COUNT = 6 * 9 * 8

ARCHIVE_HEADER = "Restore the header from LUNA16's archive."
ARCHIVE_DATA = "Copy or unpack the file again from LUNA16's archive."
LINE = "Correct or remove the line."
EXPORT = "Export it again."
NAMED = "The first line must name the columns, separated by commas."


class Case(NamedTuple):
    """One defect: what it is, how it is made, and what is said: place, reason and remedy.

    place: file (and line) below the folder. skipped: scans left out because of it; none where the
    defect is told and harms nothing, `all` where no scan can be used.
    """

    name: str
    damage: Callable[[Path], object]
    place: str
    reason: str
    remedy: str
    skipped: tuple[str, ...] = ("2.25.1",)


ALL = ("all",)
NONE = ()


def header_line(key: str, line: str, scan: str = "subset0/2.25.1.mhd") -> Callable[[Path], None]:
    """Replace a header's line; an empty one removes it."""

    def damage(folder: Path) -> None:
        path = folder / scan
        lines = path.read_text().splitlines()
        assert sum(old.startswith(f"{key} ") for old in lines) == 1
        new = [line if old.startswith(f"{key} ") else old for old in lines]
        path.write_text("\n".join(filter(None, new)) + "\n")

    return damage


def header(name: str, key: str, line: str, reason: str, remedy: str = ARCHIVE_HEADER) -> Case:
    """A case of one header line."""
    return Case(name, header_line(key, line), "subset0/2.25.1.mhd", reason, remedy)


def whole_header(name: str, content: bytes, reason: str, remedy: str = ARCHIVE_HEADER) -> Case:
    """A case in which a header's bytes are others altogether."""
    return Case(
        name,
        lambda folder: (folder / "subset0/2.25.1.mhd").write_bytes(content),
        "subset0/2.25.1.mhd",
        reason,
        remedy,
    )


BESIDE = "Store the voxels in one file beside the header and write its bare name."
RIGHT_ONE = "Keep the right one of the two."
TRUE_SPACING = "Write the true voxel spacing in mm"
AXES = "Write the directions of the x, y and z axes"
RESCALE = "apply the rescale slope and intercept"

HEADERS = [
    *(
        header(f"no {key}", key, "", f"the key {key} is missing")
        for key in (
            "DimSize",
            "ElementSpacing",
            "Offset",
            "TransformMatrix",
            "ElementType",
            "ElementDataFile",
        )
    ),
    header("no NDims", "NDims", "", "NDims = missing is not 3", "Store the scan as one 3-D volume"),
    header("two dimensions", "NDims", "NDims = 2", "NDims = 2 is not 3", "one 3-D volume"),
    header("DimSize of two", "DimSize", "DimSize = 8 9", "DimSize has 2 numbers instead of 3"),
    header("DimSize with 0", "DimSize", "DimSize = 8 9 0", "not three positive whole numbers"),
    header("DimSize below 0", "DimSize", "DimSize = 8 9 -6", "not three positive whole numbers"),
    header("DimSize broken", "DimSize", "DimSize = 8 9 5.5", "not three positive whole numbers"),
    header("DimSize huge", "DimSize", "DimSize = 99999 99999 99999", "absurdly large"),
    header("DimSize overflows", "DimSize", "DimSize = 1e300 1e300 1e300", "absurdly large"),
    header(
        "unknown ElementType",
        "ElementType",
        "ElementType = MET_STRANGE",
        "ElementType = MET_STRANGE is unknown",
        "Store MET_CHAR",
    ),
    header(
        "ElementType of no fixed size",
        "ElementType",
        "ElementType = MET_LONG",
        "ElementType = MET_LONG is unknown",
        "Store MET_CHAR",
    ),
    header(
        "three channels",
        "ElementType",
        "ElementNumberOfChannels = 3\nElementType = MET_SHORT",
        "ElementNumberOfChannels is not 1",
        "Store one value per voxel.",
    ),
    header(
        "spacing below 0",
        "ElementSpacing",
        "ElementSpacing = 2 2 -2",
        "ElementSpacing = 2 2 -2 mm is absurd for a chest CT",
        TRUE_SPACING,
    ),
    header(
        "spacing 0", "ElementSpacing", "ElementSpacing = 2 0 2", "absurd for a chest", TRUE_SPACING
    ),
    header(
        "spacing of 250 mm",
        "ElementSpacing",
        "ElementSpacing = 2 2 250",
        "absurd for a chest CT (0.1 to 10 mm)",
        TRUE_SPACING,
    ),
    header("spacing NaN", "ElementSpacing", "ElementSpacing = 2 2 nan", "2 2 nan is not finite"),
    header("spacing in words", "ElementSpacing", "ElementSpacing = a b c", "not a list of numbers"),
    header("decimal commas", "ElementSpacing", "ElementSpacing = 2,0 2,0 2,0", "list of numbers"),
    header("offset infinite", "Offset", "Offset = 0 0 inf", "Offset = 0 0 inf is not finite"),
    header("offset of 1000 km", "Offset", "Offset = 0 0 1e9", "is absurd: over 10 m away"),
    header(
        "two offsets",
        "Offset",
        "Offset = -5 -5 -5\nPosition = -5 -5 -4",
        "Offset and Position disagree",
        RIGHT_ONE,
    ),
    header(
        "singular direction",
        "TransformMatrix",
        "TransformMatrix = 1 0 0 0 1 0 0 1 0",
        "is not three unit vectors at right angles",
        AXES,
    ),
    header(
        "direction of zeros",
        "TransformMatrix",
        "TransformMatrix = 0 0 0 0 0 0 0 0 0",
        "is not three unit vectors at right angles",
        AXES,
    ),
    header(
        "spacing within the direction",
        "TransformMatrix",
        "TransformMatrix = 2 0 0 0 2 0 0 0 2",
        "is not three unit vectors at right angles",
        "spacing belongs into ElementSpacing.",
    ),
    header(
        "direction of eight numbers",
        "TransformMatrix",
        "TransformMatrix = 1 0 0 0 1 0 0 0",
        "TransformMatrix has 8 numbers instead of 9",
    ),
    *(
        header(name, "ElementDataFile", f"ElementDataFile = {value}", f"= {value} {reason}", BESIDE)
        for name, value, reason in (
            ("voxels in the header", "LOCAL", "does not name one voxel file"),
            ("voxels in a list of files", "LIST", "does not name one voxel file"),
            ("voxels in numbered files", "%03d.raw 1 6 1", "does not name one voxel file"),
            ("voxels in the parent folder", "../x.raw", "points out of the header's folder"),
            ("voxels in a folder below", "x/2.25.1.raw", "points out of the header's folder"),
            ("voxels by absolute path", "/etc/hostname", "points out of the header's folder"),
            ("voxels by a Windows path", "C:\\x.raw", "points out of the header's folder"),
            ("voxels are the folder", "..", "points out of the header's folder"),
        )
    ),
    header(
        "keys after the end",
        "ElementDataFile",
        "ElementDataFile = 2.25.1.raw\nComment = x",
        "(Comment) follows ElementDataFile, which must come last",
        "Move ElementDataFile to the end",
    ),
    header(
        "a key twice",
        "ElementSpacing",
        "ElementSpacing = 2 2 2\nElementSpacing = 1 1 1",
        "gives ElementSpacing a second time",
        RIGHT_ONE,
    ),
    header("a line without key", "ObjectType", "oops", "line 1 is not 'key = value' ('oops')"),
    header(
        "voxels as text",
        "BinaryData",
        "BinaryData = False",
        "BinaryData = False: voxels as text",
        "Store the voxels as binary data.",
    ),
    header(
        "HeaderSize",
        "ObjectType",
        "HeaderSize = 128",
        "HeaderSize is not 0",
        "Store the voxels in a file of their own, from its start.",
    ),
    header("flag unclear", "CompressedData", "CompressedData = perhaps", "neither True nor False"),
    whole_header("an empty header", b"", "the header is empty"),
    whole_header("a header in UTF-16", "NDims = 3\n".encode("utf-16"), "the header is not text"),
    whole_header("a picture for a header", b"\x89PNG\r\n\x1a\n\xff\xfe", "the header is not text"),
    whole_header(
        "a volume for a header",
        b"NDims = 3\n" * 10_000,
        "it is longer than 64 KiB",
        "Store voxels in a file of their own, beside the header.",
    ),
    Case(
        "a folder for a header",
        lambda f: ((f / "subset0/2.25.1.mhd").unlink(), (f / "subset0/2.25.1.mhd").mkdir()),
        "subset0/2.25.1.mhd",
        "the header cannot be read (Is a directory)",
        "Check the path and permissions.",
    ),
    Case(
        "a name that is no UID",
        lambda f: (f / "subset0/2.25.1.mhd").rename(f / "subset0/<b>$(x) 1.mhd"),
        "subset0/<b>$(x) 1.mhd",
        "the file's name is not a series UID",
        "Name the header as LUNA16 does: <seriesuid>.mhd.",
        ("<b>$(x) 1",),
    ),
    Case(
        "one UID in two subsets",
        lambda f: write_scan(f, 7, "2.25.1"),
        "subset7/2.25.1.mhd",
        "another subset holds a scan of this UID",
        "Keep one of them.",
        ("2.25.1", "2.25.1"),
    ),
]


def raw(content: bytes) -> Callable[[Path], object]:
    """Replace the voxels of the uncompressed scan."""
    return lambda folder: (folder / "subset0/2.25.1.raw").write_bytes(content)


def zraw(content: bytes) -> Callable[[Path], None]:
    """Replace the voxels of the compressed scan, whose header then says no size of it."""

    def damage(folder: Path) -> None:
        header_line("CompressedDataSize", "", "subset0/2.25.2.mhd")(folder)
        (folder / "subset0/2.25.2.zraw").write_bytes(content)

    return damage


def floats(*values: float) -> Callable[[Path], None]:
    """Store the first scan as floats of air, the last of them given."""

    def damage(folder: Path) -> None:
        header_line("ElementType", "ElementType = MET_FLOAT")(folder)
        voxels = np.full(COUNT, -900, "<f4")
        voxels[: len(values)] = values
        raw(voxels.tobytes())(folder)

    return damage


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


GOOD = np.arange(-500, COUNT - 500, dtype="<i2").tobytes()
CORRUPT = bytearray(zlib.compress(GOOD))
CORRUPT[-1] ^= 1  # its checksum
DATA, PACKED = "subset0/2.25.1.raw", "subset0/2.25.2.zraw"
SECOND = ("2.25.2",)

VOXELS = [
    Case("no voxel file", lambda f: (f / DATA).unlink(), DATA, "cannot be read", ARCHIVE_DATA),
    Case("no bytes", raw(b""), DATA, "0 bytes long where its header says 864", ARCHIVE_DATA),
    Case("a byte short", raw(GOOD[:-1]), DATA, "863 bytes long where its", ARCHIVE_DATA),
    Case("a byte long", raw(GOOD + b"\0"), DATA, "865 bytes long where its", ARCHIVE_DATA),
    Case(
        "a slice fewer than the header says",
        header_line("DimSize", "DimSize = 8 9 7"),
        DATA,
        "864 bytes long where its header says 1008",
        ARCHIVE_DATA,
    ),
    Case(
        "a slice more than the header says",
        header_line("DimSize", "DimSize = 8 9 5"),
        DATA,
        "864 bytes long where its header says 720",
        ARCHIVE_DATA,
    ),
    Case(
        "another type than the header says",
        header_line("ElementType", "ElementType = MET_INT"),
        DATA,
        "864 bytes long where its header says 1728",
        ARCHIVE_DATA,
    ),
    Case(
        "a folder for a voxel file",
        lambda f: ((f / DATA).unlink(), (f / DATA).mkdir()),
        DATA,
        "",
        ARCHIVE_DATA,
    ),
    Case(
        "zlib cut off",
        zraw(zlib.compress(GOOD)[:40]),
        PACKED,
        "fewer than its",
        ARCHIVE_DATA,
        SECOND,
    ),
    Case(
        "zlib without end",
        zraw(zlib.compress(GOOD)[:-4]),
        PACKED,
        "its checksum is missing",
        ARCHIVE_DATA,
        SECOND,
    ),
    Case(
        "zlib with a wrong checksum",
        zraw(bytes(CORRUPT)),
        PACKED,
        "not intact zlib data",
        ARCHIVE_DATA,
        SECOND,
    ),
    Case(
        "no zlib at all",
        zraw(b"no zlib at all"),
        PACKED,
        "not intact zlib data",
        ARCHIVE_DATA,
        SECOND,
    ),
    Case(
        "zlib of fewer voxels",
        zraw(zlib.compress(GOOD[:-2])),
        PACKED,
        "2 bytes of voxels fewer",
        ARCHIVE_DATA,
        SECOND,
    ),
    Case(
        "zlib of more voxels",
        zraw(zlib.compress(GOOD + b"\0")),
        PACKED,
        "holds more voxels",
        ARCHIVE_DATA,
        SECOND,
    ),
    Case(
        "zlib of a gigabyte",
        zraw(zlib.compress(bytes(1 << 30), 9)),
        PACKED,
        "holds more voxels",
        ARCHIVE_DATA,
        SECOND,
    ),
    Case(
        "bytes after the zlib data",
        zraw(zlib.compress(GOOD) + b"\0"),
        PACKED,
        "goes on after the end",
        ARCHIVE_DATA,
        SECOND,
    ),
    Case(
        "compressed, but not said so",
        header_line("CompressedData", "CompressedData = False", "subset0/2.25.2.mhd"),
        PACKED,
        "bytes long where its header says 864",
        ARCHIVE_DATA,
        SECOND,
    ),
    Case(
        "said to be compressed, but not",
        header_line("CompressedData", "CompressedData = True"),
        DATA,
        "not intact zlib data",
        ARCHIVE_DATA,
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
        ARCHIVE_DATA,
    ),
]


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Replace text of a list."""

    def damage(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return damage


def append(name: str, line: str) -> Callable[[Path], None]:
    """Add a line to a list."""

    def damage(folder: Path) -> None:
        with (folder / name).open("a") as stream:
            stream.write(line + "\n")

    return damage


def rewrite(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """Change the bytes of a list."""
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def widened(column: bytes) -> Callable[[bytes], bytes]:
    """Add a column of ones to a list."""
    return lambda content: b"".join(
        line + b"," + (b"1" if number else column) + b"\n"
        for number, line in enumerate(content.splitlines())
    )


NODULES, EXCLUDED, SCANS = "annotations.csv", "annotations_excluded.csv", "seriesuids.csv"
LINE_3 = f"{NODULES}, line 3"  # a nodule of 2.25.1
OUTSIDE = "Correct the line, or the header's Offset, ElementSpacing or TransformMatrix."

LISTS = [
    Case(
        "no annotations",
        lambda f: (f / NODULES).unlink(),
        NODULES,
        "the file is missing",
        "Copy LUNA16's",
        ALL,
    ),
    Case(
        "no excluded",
        lambda f: (f / EXCLUDED).unlink(),
        EXCLUDED,
        "the file is missing",
        "Copy LUNA16's",
        ALL,
    ),
    Case(
        "an empty list",
        rewrite(NODULES, lambda b: b""),
        NODULES,
        "the file is empty",
        "needs its header.",
        ALL,
    ),
    Case(
        "semicolons",
        rewrite(NODULES, lambda b: b.replace(b",", b";")),
        f"{NODULES}, line 1",
        "there is no column 'seriesuid'",
        NAMED,
        ALL,
    ),
    Case(
        "a column missing",
        edit(NODULES, "coordZ", "Z"),
        f"{NODULES}, line 1",
        "there is no column 'coordZ'",
        NAMED,
        ALL,
    ),
    Case(
        "no header",
        edit(NODULES, HEAD, ""),
        f"{NODULES}, line 1",
        "there is no column 'seriesuid'",
        NAMED,
        ALL,
    ),
    Case(
        "a list in UTF-16",
        lambda f: (f / NODULES).write_text(HEAD, encoding="utf-16"),
        NODULES,
        "is not CSV text in UTF-8",
        EXPORT,
        ALL,
    ),
    Case(
        "a list in Latin-1",
        rewrite(NODULES, lambda b: b + "é".encode("latin-1")),
        NODULES,
        "is not CSV text in UTF-8",
        EXPORT,
        ALL,
    ),
    Case(
        "a spreadsheet",
        rewrite(NODULES, lambda b: b"PK\x03\x04\xff\xfe\x00"),
        NODULES,
        "is not CSV text in UTF-8",
        EXPORT,
        ALL,
    ),
    Case(
        "a field without end",
        append(NODULES, '2.25.1,"' + "x" * 200_000),
        NODULES,
        "is not CSV text in UTF-8",
        EXPORT,
        ALL,
    ),
    Case(
        "a column twice",
        rewrite(NODULES, widened(b"coordZ")),
        f"{NODULES}, line 1",
        "the column 'coordZ' stands twice",
        "Name each column once",
        ALL,
    ),
    Case(
        "a folder for a list",
        lambda f: ((f / NODULES).unlink(), (f / NODULES).mkdir()),
        NODULES,
        "cannot be read",
        "Check the path.",
        ALL,
    ),
    Case(
        "a row cut off",
        edit(NODULES, "2.25.1,-1,0,0,5", "2.25.1,-1"),
        LINE_3,
        "2 fields where line 1 has 5",
        LINE,
        ALL,
    ),
    Case(
        "decimal commas in a row",
        edit(NODULES, "2.25.1,-1,", "2.25.1,-1,5,"),
        LINE_3,
        "6 fields where line 1 has 5",
        LINE,
        ALL,
    ),
    Case(
        "a row without UID",
        edit(NODULES, "2.25.1,", ","),
        LINE_3,
        "the seriesuid is empty",
        LINE,
        ALL,
    ),
    Case(
        "text for a number",
        edit(NODULES, "2.25.1,-1", "2.25.1,left"),
        LINE_3,
        "coordX 'left' is not a finite number",
        LINE,
    ),
    Case(
        "NaN for a number",
        edit(NODULES, "2.25.1,-1", "2.25.1,NaN"),
        LINE_3,
        "coordX 'NaN' is not a finite number",
        LINE,
    ),
    Case(
        "a number missing", edit(NODULES, "2.25.1,-1", "2.25.1,"), LINE_3, "coordX is empty", LINE
    ),
    Case(
        "an infinite diameter",
        edit(NODULES, "0,0,5\n", "0,0,inf\n"),
        LINE_3,
        "diameter_mm 'inf' is not a finite",
        LINE,
    ),
    Case(
        "a diameter below 0",
        edit(NODULES, "0,0,5\n", "0,0,-5\n"),
        LINE_3,
        "diameter_mm -5 is impossible",
        LINE,
    ),
    Case(
        "a diameter of 0",
        edit(NODULES, "0,0,5\n", "0,0,0\n"),
        LINE_3,
        "diameter_mm 0 is impossible",
        LINE,
    ),
    Case(
        "a nodule of 4 m",
        edit(NODULES, "0,0,5\n", "0,0,4000\n"),
        LINE_3,
        "diameter_mm 4000 is impossible",
        LINE,
    ),
    Case(
        "a nodule outside its scan",
        edit(NODULES, "2.25.1,-1", "2.25.1,-99"),
        LINE_3,
        "(-99, 0, 0) mm lies outside the scan's volume",
        OUTSIDE,
    ),
    Case(
        "a finding of 4 m",
        edit(EXCLUDED, ",-1\n", ",4000\n"),
        f"{EXCLUDED}, line 2",
        "diameter_mm 4000 is impossible",
        LINE,
        ("2.25.3",),
    ),
    Case(
        "scans listed twice",
        edit(SCANS, "2.25.3", "2.25.2"),
        f"{SCANS}, line 3",
        "scan '2.25.2' is listed already on line 2",
        "List each scan once",
        ALL,
    ),
    Case(
        "an empty list of scans",
        rewrite(SCANS, lambda b: b""),
        SCANS,
        "the file is empty",
        "needs its header.",
        ALL,
    ),
    # Told, and harmless.
    Case(
        "a finding outside its scan",
        edit(EXCLUDED, "-10,0,0", "-999,0,0"),
        f"{EXCLUDED}, line 2",
        "(-999, 0, 0) mm lies outside",
        OUTSIDE,
        NONE,
    ),
    Case(
        "a nodule twice",
        append(NODULES, "2.25.1,-1,0,0,5"),
        f"{NODULES}, line 6",
        "the same nodule is listed on an earlier line",
        "Remove the line.",
        NONE,
    ),
    Case(
        "a nodule of an unknown scan",
        append(NODULES, "../../etc,0,0,0,5"),
        NODULES,
        "2 of 5 rows belong to 2 scans that are not there",
        "Nothing to do, unless",
        NONE,
    ),
    Case(
        "a candidate of class 7",
        edit("candidates_V2.csv", "2.25.1,0,0,0,1", "2.25.1,0,0,0,7"),
        "candidates_V2.csv, line 2",
        "class 7 is impossible",
        LINE,
        NONE,
    ),
    Case(
        "a scan that is not listed",
        edit(SCANS, "2.25.3\n", ""),
        SCANS,
        "scan 2.25.3 is not listed",
        "Add it to the lists",
        NONE,
    ),
]

# Unusual, and right: nothing is said of it, nothing is left out.
FINE: dict[str, Callable[[Path], object]] = {
    "byte-order mark": rewrite(NODULES, lambda b: b"\xef\xbb\xbf" + b),
    "Windows line ends": rewrite(NODULES, lambda b: b.replace(b"\n", b"\r\n")),
    "further columns": rewrite(NODULES, widened(b"comment")),
    "blank lines": rewrite(NODULES, lambda b: b.replace(b"\n", b"\n\n")),
    "no candidates": lambda f: (f / "candidates_V2.csv").unlink(),
    "no list of scans": lambda f: (f / SCANS).unlink(),
    "header with Windows line ends": lambda f: (f / "subset0/2.25.1.mhd").write_bytes(
        b"\xef\xbb\xbf" + (f / "subset0/2.25.1.mhd").read_bytes().replace(b"\n", b"\r\n")
    ),
    "a link to the voxels": lambda f: (
        (f / DATA).rename(f / "elsewhere.raw"),
        (f / DATA).symlink_to(f / "elsewhere.raw"),
    ),
}

CASES = {"headers": HEADERS, "voxels": VOXELS, "lists": LISTS}
