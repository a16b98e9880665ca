"""Lists in other dialects than LUNA16's: which are read as they are meant, and which are named."""

import bz2
import gzip
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from helpers.luna16_folder import HEAD
from reliability.catalogue import ALL, Case
from reliability.catalogue_lists import EXCLUDED, NODULES, SCANS, edit, rewrite

UNPACK = "Unpack it, and give the CSV file that it holds."
SAVE_AS_CSV = "Save the table as CSV, and give that file."
PLAIN_NUMBERS = "Write plain numbers with a decimal point, such as -1234.5."
TABLE = "Write a table with one row per line, the first line naming the columns."


def recoded(encoding: str) -> Callable[[bytes], bytes]:
    """Text in another encoding."""
    return lambda content: content.decode().encode(encoding)


def zipped(name: str) -> bytes:
    """A zip archive of one file."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, HEAD)
    return stream.getvalue()


def given(content: bytes) -> Callable[[Path], object]:
    """Something else in place of the annotations."""
    return rewrite(NODULES, lambda _: content)


# Content given as annotations.csv, and what is said of the file.
OTHER_KINDS = {
    "JSON": (b'[{"seriesuid": "2.25.1"}]', "is JSON, no CSV", TABLE),
    "JSON, line by line": (b'{"seriesuid": "2.25.1"}\n', "is JSON, no CSV", TABLE),
    "XML": (b"<?xml version='1.0'?><a/>", "is XML, no CSV", TABLE),
    "a web page": (
        b"<!DOCTYPE html><html>Log in</html>",
        "is a web page, no CSV: a login or an error was saved in the file's place",
        "Download the file itself.",
    ),
    "an LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "is a Git LFS pointer, and not the file itself",
        "Fetch the file with `git lfs pull`.",
    ),
    "an Excel table": (zipped("[Content_Types].xml"), "is a spreadsheet, no CSV text", SAVE_AS_CSV),
    "an old Excel table": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "is an old Excel spreadsheet (.xls), no CSV text",
        SAVE_AS_CSV,
    ),
    "Parquet": (b"PAR1\x15\x04\x15", "is a Parquet table, no CSV text", SAVE_AS_CSV),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, no CSV text", SAVE_AS_CSV),
    "a NumPy array": (b"\x93NUMPY\x01\x00", "is a NumPy array, no CSV text", SAVE_AS_CSV),
    "a pickle": (b"\x80\x04\x95\x00", "is a Python pickle, no CSV text", SAVE_AS_CSV),
    "a PDF": (b"%PDF-1.7\n", "is a PDF, no CSV text", SAVE_AS_CSV),
    "zeros": (bytes(4096), "holds zeros alone, as a broken copy does", "Copy it again."),
    "a zip archive": (zipped("annotations.csv"), "is a zip archive", UNPACK),
    "bzip2": (bz2.compress(HEAD.encode()), "is compressed with bzip2", UNPACK),
    "gzip twice": (gzip.compress(gzip.compress(b"")), "is compressed with gzip twice", UNPACK),
    "gzip cut off": (
        gzip.compress(HEAD.encode())[:-4],
        "is compressed with gzip, but cut off or damaged",
        "Copy it again.",
    ),
    "nothing, compressed": (gzip.compress(b""), "the file is empty", "needs its header."),
}

DIALECTS = [
    *(
        Case(f"annotations: {kind}", given(content), NODULES, reason, remedy, ALL)
        for kind, (content, reason, remedy) in OTHER_KINDS.items()
    ),
    Case(
        "columns separated by blanks",
        rewrite(NODULES, lambda b: b.replace(b",", b" ")),
        f"{NODULES}, line 1",
        "the columns are separated by blanks (found: seriesuid coordX",
        "separated by commas.",
        ALL,
    ),
    Case(
        "decimal commas between commas",
        edit(NODULES, "2.25.1,-1,0,0,5", "2.25.1,-1,0,0,0,0,0,5,0"),
        f"{NODULES}, line 3",
        "9 fields where line 1 has 5 (decimal commas, perhaps: write points, or separate with",
        "Correct or remove the line.",
        ALL,
    ),
    Case(
        "a decimal comma in quotes between commas",
        edit(NODULES, "2.25.1,-1,", '2.25.1,"-1,5",'),
        f"{NODULES}, line 3",
        "coordX '-1,5' is not a finite number",
        "Correct or remove the line.",
    ),
    Case(
        "decimal commas and points in one list",
        rewrite(
            NODULES,
            lambda b: b.replace(b",", b";").replace(b";-1;", b";-1,5;").replace(b"500", b"50.5"),
        ),
        f"{NODULES}, line 5",
        "coordX '50.5' has a point, and others have commas",
        PLAIN_NUMBERS,
        ALL,
    ),
    Case(
        "thousands separators",
        rewrite(NODULES, lambda b: b.replace(b",", b";").replace(b"500", b"1.234,5")),
        f"{NODULES}, line 5",
        "coordX '1.234,5' has a point, and others have commas",
        PLAIN_NUMBERS,
        ALL,
    ),
    Case(
        "a row behind #",
        edit(NODULES, "2.25.1,-1", "#2.25.1,-1"),
        f"{NODULES}, line 3",
        "begins with #, as a comment does, and has 5 fields, as a row has",
        "Correct or remove the line.",
        ALL,
    ),
    Case("scans: JSON", rewrite(SCANS, lambda _: b"[1]"), SCANS, "is JSON, no CSV", TABLE, ALL),
    Case(
        "excluded: a zip archive",
        rewrite(EXCLUDED, lambda _: zipped("x")),
        EXCLUDED,
        "is a zip archive",
        UNPACK,
        ALL,
    ),
]

# Unusual, and read as it is meant.
FINE_DIALECTS: dict[str, Callable[[Path], object]] = {
    **{
        f"{name} in gzip": rewrite(name, gzip.compress)
        for name in (NODULES, EXCLUDED, SCANS, "candidates_V2.csv")
    },
    "UTF-16": rewrite(NODULES, recoded("utf-16")),
    "UTF-16 without its mark": rewrite(NODULES, recoded("utf-16-le")),
    "scans in UTF-16": rewrite(SCANS, recoded("utf-16")),
    "patients with semicolons": rewrite("patients.csv", lambda b: b.replace(b",", b";")),
    "patients in UTF-16": rewrite("patients.csv", recoded("utf-16")),
    "semicolons": rewrite(NODULES, lambda b: b.replace(b",", b";")),
    "tabs": rewrite(NODULES, lambda b: b.replace(b",", b"\t")),
    "bars": rewrite(EXCLUDED, lambda b: b.replace(b",", b"|")),
    "semicolons and decimal commas": rewrite(
        NODULES, lambda b: b.replace(b",", b";").replace(b";-1;", b";-1,0;")
    ),
    "a line sep=;": rewrite(NODULES, lambda b: b"sep=;\r\n" + b.replace(b",", b";")),
    "comment lines": rewrite(NODULES, lambda b: b"# LUNA16, 2016\n" + b + b"# the end\n"),
    "a header in a comment": rewrite(NODULES, lambda b: b"# " + b),
    "a header that stands again": rewrite(NODULES, lambda b: b + HEAD.encode()),
    "line ends of old": rewrite(NODULES, lambda b: b.replace(b"\n", b"\r")),
    "columns in capitals": edit(NODULES, "seriesuid,coordX", "SeriesUID,COORDX"),
}
