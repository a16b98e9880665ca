"""Dialects of CSV: what is read alike, and what is named for what it is."""

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile

import pytest

from nodules.base.files import UserError
from nodules.datasets import csv_text, points_csv

HEADER = "seriesuid,coordX,coordY,coordZ,probability\n"
TABLE = HEADER + "1.2.3,1.5,2.5,-3.5,0.9\n1.2.4,-2,0,1e-3,0.1\n"
EXPECTED = {
    "seriesuid": ["1.2.3", "1.2.4"],
    "x": [1.5, -2.0],
    "y": [2.5, 0.0],
    "z": [-3.5, 1e-3],
    "probability": [0.9, 0.1],
}
SEMICOLONS = TABLE.replace(",", ";")
COMMAS = SEMICOLONS.replace("1.5", "1,5").replace("2.5", "2,5").replace("-3.5", "-3,5")
COMMAS = COMMAS.replace("0.9", "0,9").replace("0.1", "0,1")


@pytest.fixture
def read(tmp_path):
    """Marks of a file of the given content, as lists."""

    def read(content):
        path = tmp_path / "marks.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        marks, lines = points_csv.read_points(path, "probability")
        assert len(lines) == len(marks["x"])
        return {name: column.tolist() for name, column in marks.items()}

    return read


def zipped(name):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, TABLE)
    return stream.getvalue()


def tarred():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo("marks.csv")
        entry.size = len(TABLE)
        archive.addfile(entry, io.BytesIO(TABLE.encode()))
    return stream.getvalue()


READ = {
    "gzip": gzip.compress(TABLE.encode()),
    "two gzip files joined": b"".join(gzip.compress(part.encode()) for part in (HEADER, TABLE)),
    "UTF-16": TABLE.encode("utf-16"),
    "UTF-16 without mark": TABLE.encode("utf-16-le"),
    "UTF-16, big end first": TABLE.encode("utf-16-be"),
    "UTF-32": TABLE.encode("utf-32"),
    "gzip of UTF-16": gzip.compress(TABLE.encode("utf-16")),
    "semicolons": SEMICOLONS,
    "semicolons and decimal commas": COMMAS,
    "tabs": TABLE.replace(",", "\t"),
    "tabs and decimal commas": COMMAS.replace(";", "\t"),
    "bars": TABLE.replace(",", "|"),
    "sep=;": "sep=;\r\n" + COMMAS,
    "sep=, in quotes": '"sep=,"\n' + TABLE,
    "sep=; filled up": "sep=;;;;\n" + SEMICOLONS,
    "sep=; above commas": "sep=;\n" + TABLE,
    "comments": "# a system, of 2024\n\n" + TABLE + "# the end\n",
    "a comment within": TABLE.replace("1.2.4", "# the other scan\n1.2.4"),
    "a comment with a quote": '# the "best, of all\n' + TABLE,
    "a header in a comment": "# a system\n# " + TABLE,
    "a header in a comment, semicolons": "#" + COMMAS,
    "headers in comments, files joined": "# " + TABLE.replace("1.2.4", f"# {HEADER}1.2.4"),
    "a header in a comment, and again": "# columns: seriesuid,coordX\n" + TABLE,
    "files joined": TABLE.replace("1.2.4", HEADER + "1.2.4"),
    "files joined, a mark each": "\ufeff" + TABLE.replace("1.2.4", "\ufeff" + HEADER + "1.2.4"),
    "line ends of old": TABLE.replace("\n", "\r"),
    "names in capitals": TABLE.replace("seriesuid", "SeriesUID").replace("coord", "Coord"),
    "blanks before quotes": TABLE.replace("1.2.3,1.5", '"1.2.3", "1.5"'),
}


@pytest.mark.parametrize("dialect", READ)
def test_a_dialect_is_read_as_it_is_meant(read, dialect):
    assert read(READ[dialect]) == EXPECTED


NAMED = {
    "JSON": ('[{"seriesuid": "1.2.3"}]', "is JSON, no CSV. Write a table with one row per line"),
    "JSON, line by line": (' {"seriesuid": "1.2.3"}\n', "is JSON, no CSV"),
    "a web page": ("<!DOCTYPE html>\n<html>", "is a web page, no CSV: a login or an error"),
    "XML": ('<?xml version="1.0"?>', "is XML, no CSV"),
    "an LFS pointer": (
        "version https://git-lfs.github.com/spec/v1\noid",
        "is a Git LFS pointer, and not the file itself. Fetch the file with `git lfs pull`.",
    ),
    "a zip archive": (zipped("marks.csv"), "is a zip archive. Unpack it"),
    "an Excel table": (zipped("[Content_Types].xml"), "is a spreadsheet, no CSV text. Save the"),
    "an old Excel table": (b"\xd0\xcf\x11\xe0\xa1\xb1", "is an old Excel spreadsheet (.xls)"),
    "bzip2": (bz2.compress(TABLE.encode()), "is compressed with bzip2. Unpack it"),
    "xz": (lzma.compress(TABLE.encode()), "is compressed with xz. Unpack it"),
    "tar": (tarred(), "is a tar archive. Unpack it"),
    "tar.gz": (gzip.compress(tarred()), "is a tar archive. Unpack it"),
    "gzip twice": (gzip.compress(gzip.compress(b"a")), "is compressed with gzip twice. Unpack it"),
    "gzip cut off": (gzip.compress(TABLE.encode())[:-9], "with gzip, but cut off or damaged. Copy"),
    "gzip damaged": (b"\x1f\x8b\x08\x00" + b"x" * 40, "but cut off or damaged"),
    "Parquet": (b"PAR1\x15\x04", "is a Parquet table, no CSV text. Save the table as CSV"),
    "zeros": (bytes(5000), "holds zeros alone, as a broken copy does. Copy it again."),
    "Latin-1": (TABLE.encode() + "é".encode("latin-1"), "is not CSV text in UTF-8"),
    "blanks between columns": (
        TABLE.replace(",", " "),
        "line 1: the columns are separated by blanks (found: seriesuid coordX",
    ),
    "decimal commas between commas": (
        HEADER + "1.2.3,1,5,2,5,-3,5,0,9\n",
        "line 2: 9 fields where line 1 has 5 (decimal commas, perhaps: write points, or separate",
    ),
    "semicolons below commas": (
        HEADER + "1.2.3;1;2;3;1\n",
        "line 2: 1 fields where line 1 has 5 (separated otherwise than the header). Complete",
    ),
    "files joined in one line": (
        TABLE.rstrip() + TABLE,
        "line 3: 9 fields where line 1 has 5 (files were joined without a line end between them).",
    ),
    "a decimal comma in quotes": (
        HEADER + '1.2.3,"1,5",2,3,1\n',
        "line 2: coordX '1,5' is not a finite number. Write plain numbers with a decimal point",
    ),
    "commas and points": (
        COMMAS.replace("0,1", "0.1"),
        "line 3: probability '0.1' has a point, and others have commas. Write plain numbers",
    ),
    "thousands separators": (
        SEMICOLONS.replace("-2", "-1.234,5"),
        "line 2: coordX '1.5' has a point, and others have commas",
    ),
    "a row or a comment": (
        TABLE.replace("1.2.4", "#1.2.4"),
        "line 3: begins with #, as a comment does, and has 5 fields, as a row has. Remove the",
    ),
}


@pytest.mark.parametrize("what", NAMED)
def test_what_is_no_plain_table_is_named(read, what):
    content, message = NAMED[what]
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read(content)
    assert "marks.csv" in str(caught.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "sep=;\n", "\ufeff\n"])
def test_a_file_without_a_row_is_empty(read, text):
    with pytest.raises(UserError, match="the file is empty"):
        read(text)


def test_lines_are_counted_in_the_file_as_it_is(tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text("sep=;\n# one\n\n" + SEMICOLONS + "#\n" + "1.2.5;1;2;3;4\n")
    sheet = csv_text.read_sheet(path)
    assert (sheet.header_line, sheet.lines, sheet.separator) == (4, [5, 6, 8], ";")


def test_a_row_that_may_be_a_comment_is_listed_where_bad_rows_are(tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text(TABLE.replace("1.2.4", "#1.2.4"))
    bad = []
    assert csv_text.read_sheet(path, bad).lines == [2]
    assert [(row.line, row.reason[:13]) for row in bad] == [(3, "begins with #")]


@pytest.mark.parametrize(
    "text",
    [
        "# those of fold 0, and more\n1.2.3\n1.2.4\n",
        "1.2.3\n#1.2.9\n1.2.4\n",
        "# seriesuid, one a line\n1.2.3\n1.2.4\n",
        "subset;seriesuid\n1;1.2.3\n1;1.2.4\n",
        "\ufeff1.2.3\n\ufeff1.2.4\n",
        "seriesuid\n1.2.3\nseriesuid\n1.2.4\n",
    ],
)
def test_lists_of_scans_have_dialects_too(tmp_path, text):
    (tmp_path / "scans.csv").write_text(text)
    assert points_csv.read_scans(tmp_path / "scans.csv") == ["1.2.3", "1.2.4"]


def test_a_list_of_scans_may_be_compressed(tmp_path):
    (tmp_path / "scans.csv.gz").write_bytes(gzip.compress(b"1.2.3\n1.2.4\n"))
    assert points_csv.read_scans(tmp_path / "scans.csv.gz") == ["1.2.3", "1.2.4"]


@pytest.mark.parametrize("note", ['"solid', '"', '"5 mm", "round'])
def test_a_quotation_mark_that_swallows_rows_is_named(tmp_path, note):
    path = tmp_path / "marks.csv"
    first, *others = TABLE.removeprefix(HEADER).splitlines()
    rows = "\n".join([f"{first},{note}", *(f"{row},x" for row in others)])
    path.write_text(f"{HEADER.rstrip()},note\n{rows}\n")
    with pytest.raises(UserError, match="a quotation mark makes one cell of several rows"):
        points_csv.read_points(path, "probability")


def test_a_cell_of_several_lines_is_no_row(tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text(f'{HEADER.rstrip()},note\n1.2.3,1,2,3,0.9,"solid,\nround, near a vessel"\n')
    marks, lines = points_csv.read_points(path, "probability")
    assert marks["probability"].tolist() == [0.9] and lines == [3]
