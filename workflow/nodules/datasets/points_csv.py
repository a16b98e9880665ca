"""LUNA16's CSV files at the edge: read, checked line by line, and written.

Byte-order marks, CRLF line ends, blank lines, further columns and any order of columns are fine.
Whatever else is wrong raises FileDefect with the file and the line, or is listed row by row.
"""

import csv
import math
import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from nodules.base.files import FileDefect, write_text
from nodules.base.messages import shown
from nodules.images.foreign import decimal

PathLike = str | os.PathLike[str]
Columns = dict[str, np.ndarray]  # seriesuid (object), x, y, z and one more (float64), equally long

MAX_DIAMETER_MM = 100.0  # as in nodules.lists, which is too heavy to import here
COORDINATES = {"coordX": "x", "coordY": "y", "coordZ": "z"}  # world mm, as in the table 'nodules'


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used; seriesuid is "" where it cannot be read."""

    line: int
    seriesuid: str
    reason: str


@dataclass(frozen=True)
class _Sheet:
    """A CSV file's cells, with the line that each row ends on."""

    path: PathLike
    header: list[str]
    header_line: int
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """Cells of one column."""
        if name not in self.header:
            found = ", ".join(self.header)
            _fail(
                self.path,
                self.header_line,
                f"there is no column '{name}' (found: {shown(found, 200)})",
                "The first line must name the columns, separated by commas.",
            )
        if self.header.count(name) > 1:
            _fail(
                self.path,
                self.header_line,
                f"the column '{name}' stands twice",
                "Name each column once: which of the two counts, nobody can know.",
            )
        place = self.header.index(name)
        return [row[place] for row in self.rows]


def read_submission(path: PathLike, scans: Collection[str]) -> Columns:
    """Read marks: columns seriesuid, coordX, coordY, coordZ (world mm) and probability.

    Returns seriesuid, x, y, z, probability. A file with a header and no marks is valid.
    Raises UserError also for a mark whose UID is not in `scans`.
    """
    marks, lines = read_points(path, "probability")
    known = set(scans)
    for uid, line in zip(marks["seriesuid"], lines, strict=True):
        if uid not in known:
            _fail(
                path,
                line,
                f"seriesuid '{shown(uid)}' is not in the list of scans",
                "Score a scan only if it is listed: remove the mark or add the scan to the list.",
            )
    return marks


def read_findings(path: PathLike) -> Columns:
    """Read annotations.csv or annotations_excluded.csv: seriesuid, coordX .. coordZ, diameter_mm.

    Returns seriesuid, x, y, z, diameter_mm, all rows; a diameter of -1 (not measured) stays.
    """
    return read_points(path, "diameter_mm")[0]


def read_measured(path: PathLike, zero: bool) -> Columns:
    """`read_findings`, where a diameter that no nodule has is an error, as in `luna16 check`.

    zero: whether 0 mm is taken. Negative ones are, and count as 10 mm by the official rules.
    """
    findings, lines = read_points(path, "diameter_mm")
    for value, line in zip(findings["diameter_mm"], lines, strict=True):
        if value > MAX_DIAMETER_MM or (value == 0 and not zero):
            _fail(path, line, f"diameter_mm {value:g} is impossible", "Correct or remove the line.")
    return findings


def _is_uid(text: str) -> bool:
    return bool(text) and set(text) <= set("0123456789.")


def read_scans(path: PathLike) -> list[str]:
    """Read series UIDs, one a line (seriesuids.csv), or the column seriesuid of a headed file.

    The column's name may be in capitals. A first line that is neither UID nor header is an error,
    as a scan more would change the score; so is a further field on a line without header.
    """
    found = _read_sheet(path)
    sheet = replace(found, header=[name.lower() for name in found.header])
    first = ",".join(found.header)
    if "seriesuid" not in sheet.header and not _is_uid(first):
        _fail(
            path,
            sheet.header_line,
            f"'{first[:80]}' is neither a series UID nor a header with 'seriesuid'",
            "Give one UID of digits and dots a line, or name the column seriesuid.",
        )
    if "seriesuid" in sheet.header:
        cells, lines = sheet.column("seriesuid"), sheet.lines
    else:
        cells = [sheet.header[0], *(row[0] for row in sheet.rows)]
        lines = [sheet.header_line, *sheet.lines]
    first_line: dict[str, int] = {}
    for uid, line in zip((cell.strip() for cell in cells), lines, strict=True):
        if not uid:
            _fail(path, line, "the series UID is empty", "Give one UID a line.")
        if uid in first_line:
            _fail(
                path,
                line,
                f"scan '{shown(uid)}' is listed already on line {first_line[uid]}",
                "List each scan once: the number of scans divides the false positives.",
            )
        first_line[uid] = line
    if not first_line:
        _fail(path, sheet.header_line, "no scan is listed", "Give one series UID a line.")
    return list(first_line)


def read_points(
    path: PathLike, value: str, bad_rows: list[BadRow] | None = None
) -> tuple[Columns, list[int]]:
    """Read seriesuid, coordX, coordY, coordZ (world mm) and one more number, named `value`.

    Returns seriesuid, x, y, z, `value`, and the line of each row. Where `bad_rows` is given, rows
    that cannot be used are left out and appended to it; else the first of them raises UserError.
    """
    names = (*COORDINATES, value)
    sheet = _read_sheet(path, bad_rows)
    if bad_rows is not None:
        sheet = _usable(sheet, names, bad_rows)
    uids = [uid.strip() for uid in sheet.column("seriesuid")]
    columns: Columns = {"seriesuid": np.array(uids, dtype=object)}
    for name in names:
        columns[COORDINATES.get(name, name)] = _numbers(sheet, name)
    return columns, sheet.lines


def write_submission(path: PathLike, marks: Any) -> None:
    """Write marks (a table with seriesuid, x, y, z, probability) as a LUNA16 submission.

    Numbers keep all their digits, so that the file scores exactly as the table does.
    """
    names = ("seriesuid", "x", "y", "z", "probability")
    columns = [np.asarray(marks[name]).tolist() for name in names]
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("seriesuid", *COORDINATES, "probability"))
    writer.writerows(zip(*columns, strict=True))
    write_text(path, text.getvalue())


def _numbers(sheet: _Sheet, name: str) -> np.ndarray:
    """One column as finite float64."""
    cells = sheet.column(name)
    try:
        numbers = np.array(list(map(decimal, cells)), dtype=np.float64)
        if np.isfinite(numbers).all():
            return numbers
    except ValueError:
        pass
    line, cell = next(
        (line, cell)
        for line, cell in zip(sheet.lines, cells, strict=True)
        if not _is_finite_number(cell)
    )
    _fail(sheet.path, line, _not_a_number(name, cell), "Correct or remove the line.")


def _usable(sheet: _Sheet, names: Collection[str], bad_rows: list[BadRow]) -> _Sheet:
    """The rows with a series UID and finite numbers; the others are appended to `bad_rows`."""
    uids = sheet.column("seriesuid")
    columns = {name: sheet.column(name) for name in names}
    kept = []
    for i, uid in enumerate(uids):
        bad = [
            (name, columns[name][i]) for name in names if not _is_finite_number(columns[name][i])
        ]
        if bad:
            bad_rows.append(BadRow(sheet.lines[i], uid.strip(), _not_a_number(*bad[0])))
        elif not uid.strip():
            bad_rows.append(BadRow(sheet.lines[i], "", "the seriesuid is empty"))
        else:
            kept.append(i)
    rows, lines = [sheet.rows[i] for i in kept], [sheet.lines[i] for i in kept]
    return _Sheet(sheet.path, sheet.header, sheet.header_line, rows, lines)


def _not_a_number(name: str, cell: str) -> str:
    return (
        f"{name} is empty" if not cell.strip() else f"{name} '{shown(cell)}' is not a finite number"
    )


def _is_finite_number(cell: str) -> bool:
    try:
        return math.isfinite(decimal(cell))
    except ValueError:
        return False


def _read_sheet(path: PathLike, bad_rows: list[BadRow] | None = None) -> _Sheet:
    """Read a CSV file's rows; those without any content are left out.

    Where `bad_rows` is given, rows with too few or too many fields are appended to it.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            numbered = [(reader.line_num, row) for row in reader if any(row)]
    except OSError as error:
        raise FileDefect(
            str(path), f"cannot be read ({error.strerror})", "Check the path."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileDefect(
            str(path), f"is not CSV text in UTF-8 ({error})", "Export it again."
        ) from error
    if not numbered:
        raise FileDefect(
            str(path), "the file is empty", "Even a list without rows needs its header."
        )
    (header_line, header), *body = numbered
    names = [name.strip() for name in header]
    whole = [(line, row) for line, row in body if len(row) == len(header)]
    for line, row in body if len(whole) < len(body) else []:
        if len(row) != len(header):
            reason = f"{len(row)} fields where line {header_line} has {len(header)}"
            if bad_rows is None:
                _fail(path, line, reason, "Complete or remove the line.")
            bad_rows.append(BadRow(line, "", reason))
    return _Sheet(path, names, header_line, [row for _, row in whole], [line for line, _ in whole])


def _fail(path: PathLike, line: int, reason: str, remedy: str) -> NoReturn:
    raise FileDefect(f"{path}, line {line}", reason, remedy)
