"""The cells of a CSV file, in any of the usual dialects.

Accepted: gzip, byte-order marks and UTF-16; semicolons, tabs or bars between the columns; a line
`sep=;`, comment lines, blank lines, any line ends, and a header repeated where files were joined.
Files that are no CSV (JSON, a spreadsheet, an archive, a web page) are refused by name.
"""

import codecs
import csv
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import NoReturn

from nodules.base.files import FileDefect
from nodules.base.messages import shown

PathLike = str | os.PathLike[str]

SEPARATORS = ",;\t|"
KEY = "seriesuid"  # a list either has this column or no header

UNPACK = "Unpack it, and give the CSV file that it holds."
SAVE_AS_CSV = "Save the table as CSV, and give that file."
EXPORT = "Export it again."
PLAIN = "Write a table with one row per line, the first line naming the columns."

# First bytes of files given instead of a CSV: (bytes, what it is, remedy).
KINDS = (
    (b"PK\x03\x04", "is a zip archive", UNPACK),
    (b"\xd0\xcf\x11\xe0", "is an old Excel spreadsheet (.xls), no CSV text", SAVE_AS_CSV),
    (b"\x1f\x8b", "is compressed with gzip twice", UNPACK),
    (b"BZh", "is compressed with bzip2", UNPACK),
    (b"\xfd7zXZ\x00", "is compressed with xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd", UNPACK),
    (b"7z\xbc\xaf", "is a 7z archive", UNPACK),
    (b"Rar!", "is a RAR archive", UNPACK),
    (b"PAR1", "is a Parquet table, no CSV text", SAVE_AS_CSV),
    (b"ARROW1", "is a Feather table, no CSV text", SAVE_AS_CSV),
    (b"\x89HDF", "is an HDF5 file, no CSV text", SAVE_AS_CSV),
    (b"\x93NUMPY", "is a NumPy array, no CSV text", SAVE_AS_CSV),
    (b"SQLite format 3", "is an SQLite database, no CSV text", SAVE_AS_CSV),
    (b"%PDF", "is a PDF, no CSV text", SAVE_AS_CSV),
    (b"\x89PNG", "is a picture, no CSV text", SAVE_AS_CSV),
    (b"\x80\x02", "is a Python pickle, no CSV text", SAVE_AS_CSV),
    (b"\x80\x03", "is a Python pickle, no CSV text", SAVE_AS_CSV),
    (b"\x80\x04", "is a Python pickle, no CSV text", SAVE_AS_CSV),
    (b"\x80\x05", "is a Python pickle, no CSV text", SAVE_AS_CSV),
)
# The same for text, in lower case and without leading blanks.
TEXTS = (
    (("{", "["), "is JSON, no CSV", PLAIN),
    (
        ("<!doctype html", "<html"),
        "is a web page, no CSV: a login or an error was saved in the file's place",
        "Download the file itself.",
    ),
    (("<?xml", "<"), "is XML, no CSV", PLAIN),
    (
        ("version https://git-lfs.github.com",),
        "is a Git LFS pointer, and not the file itself",
        "Fetch the file with `git lfs pull`.",
    ),
)
# UTF-32 before UTF-16, whose mark begins that of UTF-32.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used; seriesuid is "" if it cannot be read."""

    line: int
    seriesuid: str
    reason: str


@dataclass(frozen=True)
class Sheet:
    """A CSV file's cells, with the line on which each row ends."""

    path: PathLike
    separator: str
    header: list[str]
    header_line: int
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """Cells of one column; capitals in its name don't matter."""
        names = [found.lower() for found in self.header]
        if name.lower() not in names:
            found = ", ".join(self.header)
            is_one = len(names) == 1 and KEY in names[0].split()
            reason = (
                "the columns are separated by blanks" if is_one else f"there is no column '{name}'"
            )
            self.fail(
                self.header_line,
                f"{reason} (found: {shown(found, 200)})",
                "The first line must name the columns, separated by commas.",
            )
        if names.count(name.lower()) > 1:
            self.fail(
                self.header_line,
                f"the column '{name}' stands twice",
                "Name each column once: which of the two counts, nobody can know.",
            )
        place = names.index(name.lower())
        return [row[place] for row in self.rows]

    def fail(self, line: int, reason: str, remedy: str) -> NoReturn:
        """Raise FileDefect about a line."""
        raise FileDefect(f"{self.path}, line {line}", reason, remedy)


def read_sheet(path: PathLike, bad_rows: list[BadRow] | None = None) -> Sheet:
    """Read a CSV file's rows, except those in which every cell is empty.

    Rows with too few or too many fields are appended to `bad_rows` if that is given; else the first
    of them raises FileDefect.
    """
    text = _text(path)
    declared, text = _declared(text)
    header = _header_in_comment(text)
    separator = _separator(header[1] if header else _first_line(text), declared)
    try:
        reader = csv.reader(_uncommented(text), delimiter=separator, skipinitialspace=True)
        body = [(reader.line_num, row) for row in reader if any(row)]
    except csv.Error as error:
        raise FileDefect(str(path), f"is not CSV text in UTF-8 ({error})", EXPORT) from error
    if header:
        body.insert(0, (header[0], next(csv.reader([header[1]], delimiter=separator))))
    if not body:
        raise FileDefect(
            str(path), "the file is empty", "Even a list without rows needs its header."
        )
    (header_line, cells), *body = body
    sheet = Sheet(path, separator, [name.strip() for name in cells], header_line, [], [])
    _refuse_commented_rows(sheet, text, bad_rows)
    return _filled(sheet, body, bad_rows)


def _text(path: PathLike) -> str:
    """A file's text, unpacked and decoded; FileDefect if it is something else."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise FileDefect(
            str(path), f"cannot be read ({error.strerror})", "Check the path."
        ) from error
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise FileDefect(
                str(path), "is compressed with gzip, but cut off or damaged", "Copy it again."
            ) from error
    _refuse_other_kinds(path, content)
    try:
        text = content.decode(_encoding(content))
    except UnicodeDecodeError as error:
        raise FileDefect(str(path), f"is not CSV text in UTF-8 ({error})", EXPORT) from error
    head = text[:100].lstrip().lower()
    for starts, kind, remedy in TEXTS:
        if head.startswith(starts):
            raise FileDefect(str(path), kind, remedy)
    return text


def _refuse_other_kinds(path: PathLike, content: bytes) -> None:
    """Raise FileDefect for content that is known not to be text."""
    if content and not content.strip(b"\0"):
        raise FileDefect(str(path), "holds zeros alone, as a broken copy does", "Copy it again.")
    is_zip = content.startswith(b"PK\x03\x04")
    if is_zip and (b"[Content_Types].xml" in content or b"opendocument" in content[:200]):
        raise FileDefect(str(path), "is a spreadsheet, no CSV text", SAVE_AS_CSV)
    for start, kind, remedy in KINDS:
        if content.startswith(start):
            raise FileDefect(str(path), kind, remedy)
    if content[257:262] == b"ustar":
        raise FileDefect(str(path), "is a tar archive", UNPACK)


def _encoding(content: bytes) -> str:
    """Encoding by the byte-order mark; without one, UTF-16 if every second byte is zero."""
    for mark, name in MARKS:
        if content.startswith(mark):
            return name
    head = content[:64]
    if len(head) > 3 and not any(head[1::2]):
        return "utf-16-le"
    if len(head) > 3 and not any(head[::2]):
        return "utf-16-be"
    return "utf-8"


def _declared(text: str) -> tuple[str | None, str]:
    """The separator that a first line such as `sep=;` declares, and the text with that line blank.

    Spreadsheets write and read such a line.
    """
    found = re.match(r'"?sep=([,;|\t])"?[ ,;|\t]*(?=[\r\n]|$)', text, re.IGNORECASE)
    return (found[1], text[found.end() :]) if found else (None, text)


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends, without byte-order marks: joined files may have one each."""
    return (line.lstrip("\ufeff") for line in StringIO(text, newline=""))


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _first_line(text: str) -> str:
    """The first line that is neither blank nor a comment; "" if there is none."""
    return next((ln for ln in _lines(text) if ln.strip() and not _is_comment(ln)), "").strip()


def _header_in_comment(text: str) -> tuple[int, str] | None:
    """Line number and text of a header behind #, as NumPy's savetxt writes it; else None.

    It must be the only header, and have as many columns as the first row.
    """
    if not _is_comment(text.lstrip("\ufeff \r\n")) or _names_key(first := _first_line(text)):
        return None
    for number, line in enumerate(_lines(text), 1):
        title = line.strip().lstrip("#").strip()
        if _is_comment(line) and _names_key(title):
            separator = _separator(title)
            fits = not first or first.count(separator) == title.count(separator)
            return (number, title) if fits else None
        if line.strip() and not _is_comment(line):
            break
    return None


def _names_key(line: str) -> bool:
    """Whether a line names the column that every list has, and at least one more."""
    return any(KEY in _split(line, s) and len(_split(line, s)) > 1 for s in SEPARATORS)


def _split(line: str, separator: str) -> list[str]:
    return [cell.strip(' "').lower() for cell in line.split(separator)]


def _separator(header: str, declared: str | None = None) -> str:
    """The separator of the columns that a header names; else the declared one; else a comma."""
    found = max(SEPARATORS, key=lambda s: (KEY in _split(header, s), header.count(s)))
    return found if KEY in _split(header, found) else declared or found


def _uncommented(text: str) -> Iterator[str]:
    """The lines of a text; comment lines become blank, so that the others keep their numbers."""
    return ("\n" if _is_comment(line) else line for line in _lines(text))


def _refuse_commented_rows(sheet: Sheet, text: str, bad_rows: list[BadRow] | None) -> None:
    """Refuse comments with as many fields as a row: they may be rows whose id begins with #."""
    if "#" not in text or len(sheet.header) < 2:
        return
    width = len(sheet.header)
    for number, line in enumerate(_lines(text), 1):
        is_row = _is_comment(line) and line.count(sheet.separator) == width - 1
        # Joined files may each have a header in a comment.
        if is_row and number > sheet.header_line and not _names_key(line.strip().lstrip("# ")):
            reason = f"begins with #, as a comment does, and has {width} fields, as a row has"
            if bad_rows is None:
                sheet.fail(number, reason, "Remove the line, or the sign.")
            bad_rows.append(BadRow(number, "", reason))


def _swallowed(row: list[str], sheet: Sheet) -> bool:
    """Whether a cell holds whole rows: a quotation mark opened it, and none closed it there."""
    fields = len(sheet.header) - 1
    return fields > 0 and any(
        part.count(sheet.separator) == fields for cell in row for part in cell.splitlines()[1:]
    )


def _filled(sheet: Sheet, body: list[tuple[int, list[str]]], bad: list[BadRow] | None) -> Sheet:
    """Add the rows with one cell per column to the sheet, without repeated headers.

    Files that were joined (`cat fold*.csv`) have a header each.
    """
    width, before = len(sheet.header), sheet.header_line
    is_headed = KEY in (name.lower() for name in sheet.header)
    for line, row in body:
        swallowed = line > before + 1 and _swallowed(row, sheet)
        before = line
        if len(row) == width and not swallowed:
            again = is_headed and row[0].strip() == sheet.header[0]
            if not (again and [cell.strip() for cell in row] == sheet.header):
                sheet.rows.append(row)
                sheet.lines.append(line)
            continue
        reason = f"{len(row)} fields where line {sheet.header_line} has {width}"
        if swallowed:
            reason = "a quotation mark makes one cell of several rows"
        elif any(KEY in cell.lower() for cell in row):
            reason += " (files were joined without a line end between them)"
        elif sheet.separator == "," and len(row) > width:
            reason += " (decimal commas, perhaps: write points, or separate with semicolons)"
        elif len(row) == 1 and any(row[0].count(s) == width - 1 for s in SEPARATORS):
            reason += " (separated otherwise than the header)"
        if bad is None:
            sheet.fail(line, reason, "Complete or remove the line.")
        bad.append(BadRow(line, "", reason))
    return sheet
