"""Defective headers, and what has to be said of each."""

import os

from helpers.luna16_folder import HEAD, write_scan
from reliability.catalogue import AGAIN_HEADER, Case, header_line, pipe


def header(name: str, key: str, line: str, reason: str, remedy: str = AGAIN_HEADER) -> Case:
    """A case of one header line."""
    return Case(name, header_line(key, line), "subset0/2.25.1.mhd", reason, remedy)


def whole_header(name: str, content: bytes, reason: str, remedy: str = AGAIN_HEADER) -> Case:
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
    header("four dimensions", "NDims", "NDims = 4", "NDims = 4 is not 3", "one 3-D volume"),
    *(
        header(
            f"lengths in {units}",
            "ElementSpacing",
            f"DistanceUnits = {units}\nElementSpacing = 2 2 2",
            f"DistanceUnits = {units}, and everything here is in mm",
            "Write ElementSpacing and Offset in mm, and DistanceUnits = mm.",
        )
        for units in ("cm", "um")
    ),
    *(
        header(
            f"a rescaling by its {part}",
            "ElementType",
            f"ElementToIntensityFunction{part} = {value}\nElementType = MET_SHORT",
            f"ElementToIntensityFunction{part} = {value}: the stored values are not HU yet",
            f"Store the rescaled values, and ElementToIntensityFunction{part} = {right}.",
        )
        for part, value, right in (("Slope", "0.5", "1"), ("Offset", "-1024", "0"))
    ),
    header(
        "a direction over three lines",
        "TransformMatrix",
        "TransformMatrix = 1 0 0\n0 1 0\n0 0 1",
        "is not 'key = value' ('0 1 0')",
    ),
    header(
        "slices of a tilted gantry",
        "TransformMatrix",
        "TransformMatrix = 1 0 0 0 1 0 0 0.2588 0.9659",
        "is not three unit vectors at right angles",
        AXES,
    ),
    Case(
        "a header that was lost",
        lambda f: (
            header_line("ElementSpacing", "ElementSpacing = 1 1 1")(f),
            header_line("Offset", "Offset = 0 0 0")(f),
            (f / "annotations.csv").write_text(HEAD + "2.25.1,3,3,3,5\n2.25.2,1,2,3,4\n"),
        ),
        "subset0/2.25.1.mhd",
        "ElementSpacing = 1 1 1 and Offset = 0 0 0, as where a scan's header was lost",
        "Compare the spacing with the scan's own",
        (),
    ),
    Case(
        "spacing in the order z, y, x",
        header_line("ElementSpacing", "ElementSpacing = 2.5 2 2"),
        "subset0/2.25.1.mhd",
        "ElementSpacing = 2.5 2 2: pixels that are not square, and slices as far apart",
        "Write it in the order x, y, z, if it is z, y, x",
        (),
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
    *(
        header(
            f"voxels by a name for {kind}",
            "ElementDataFile",
            f"ElementDataFile = {name}",
            f"= {told} cannot be the name of a voxel file",
            BESIDE,
        )
        for kind, name, told in (
            ("Snakemake's wildcards", "{x}.raw", "{x}.raw"),
            ("Snakemake's folders", "<results>.raw", "<results>.raw"),
            ("a terminal", "\x1b[31m.raw", "\\x1b[31m.raw"),
            ("nobody's disk", "9" * 300, "9" * 64 + ".."),
        )
    ),
    header("DimSize with _", "DimSize", "DimSize = 8 9 0_6", "= 8 9 0_6 is not a list of numbers"),
    header(
        "full-width digits",
        "ElementSpacing",
        "ElementSpacing = 2 2 \uff12",
        "= 2 2 \uff12 is not a list of numbers",
    ),
    header(
        "Arabic digits",
        "Offset",
        "Offset = \u0661 2 3",
        "Offset = \u0661 2 3 is not a list of numbers",
    ),
    header(
        "a size of 5000 digits",
        "ObjectType",
        f"CompressedDataSize = {'9' * 5000}",
        f"CompressedDataSize = {'9' * 64}.. is not a number of bytes",
    ),
    header(
        "a key of 9000 characters",
        "ObjectType",
        f"{'k' * 9000} = 1\n{'k' * 9000} = 1",
        f"line 2 gives {'k' * 64}.. a second time",
        RIGHT_ONE,
    ),
    header(
        "a forged line",
        "ElementType",
        "ElementType = MET\u0085error\x1b[31m",
        " is not 'key = value' ('error\\x1b[31m')",
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
        "the header cannot be read (it is not a regular file)",
        "Check the path and permissions.",
    ),
    Case(
        "a pipe for a header",
        pipe("subset0/2.25.1.mhd"),
        "subset0/2.25.1.mhd",
        "the header cannot be read (it is not a regular file)",
        "Check the path and permissions.",
    ),
    Case(
        "a header that is a link to nothing",
        lambda f: (
            (f / "subset0/2.25.1.mhd").unlink(),
            (f / "subset0/2.25.1.mhd").symlink_to("nowhere"),
        ),
        "subset0/2.25.1.mhd",
        "the header cannot be read (No such file or directory)",
        "Check the path and permissions.",
    ),
    *(
        Case(
            f"a name that is no UID: {kind}",
            lambda f, name=name: (f / "subset0/2.25.1.mhd").rename(f / "subset0" / f"{name}.mhd"),
            f"subset0/{told}.mhd",
            "the file's name is not a series UID",
            "Name the header as LUNA16 does: <seriesuid>.mhd.",
            (told,),
        )
        for kind, name, told in (
            ("for a shell", "<b>$(x) 1", "<b>$(x) 1"),
            ("for Snakemake", "{uid}", "{uid}"),
            ("dots", "2..", "2.."),
            ("two dots", "2..1", "2..1"),
            ("digits of another script", "2.25.\u0661", "2.25.\u0661"),
            ("too long", "2." * 32 + "1", "2." * 32 + "1"),
            ("two lines", "1\nerror: x", "1\\nerror: x"),
            ("for a terminal", "1\x1b[31m", "1\\x1b[31m"),
            ("not UTF-8", os.fsdecode(b"1\xff"), "1\\udcff"),
        )
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
