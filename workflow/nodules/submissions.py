"""LUNA16's CSV files at the edge: read, checked line by line, and written.

Byte-order marks, CRLF line ends, blank lines, further columns and any order of columns are fine.
Whatever else is wrong raises UserError with the file and the line.
"""

import csv
import math
import os
from collections.abc import Collection
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from nodules.files import UserError, write_text

PathLike = str | os.PathLike[str]
Columns = dict[str, np.ndarray]  # seriesuid (object), x, y, z and one more (float64), equally long

COORDINATES = {"coordX": "x", "coordY": "y", "coordZ": "z"}  # world mm, as in the table 'nodules'


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
                f"there is no column '{name}' (found: {found[:200]})",
                "The first line must name the columns, separated by commas.",
            )
        place = self.header.index(name)
        return [row[place] for row in self.rows]


def read_submission(path: PathLike, scans: Collection[str]) -> Columns:
    """Read marks: columns seriesuid, coordX, coordY, coordZ (world mm) and probability.

    Returns seriesuid, x, y, z, probability. A file with a header and no marks is valid.
    Raises UserError also for a mark whose UID is not in `scans`.
    """
    marks, sheet = _read_points(path, "probability")
    known = set(scans)
    for uid, line in zip(marks["seriesuid"], sheet.lines, strict=True):
        if uid not in known:
            _fail(
                path,
                line,
                f"seriesuid '{uid}' is not in the list of scans",
                "Score a scan only if it is listed: remove the mark or add the scan to the list.",
            )
    return marks


def read_findings(path: PathLike) -> Columns:
    """Read annotations.csv or annotations_excluded.csv: seriesuid, coordX .. coordZ, diameter_mm.

    Returns seriesuid, x, y, z, diameter_mm, all rows; a diameter of -1 (not measured) stays.
    """
    return _read_points(path, "diameter_mm")[0]


def read_scans(path: PathLike) -> list[str]:
    """Read series UIDs, one a line (seriesuids.csv), or the column seriesuid of a headed file."""
    sheet = _read_sheet(path)
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
                f"scan '{uid}' is listed already on line {first_line[uid]}",
                "List each scan once: the number of scans divides the false positives.",
            )
        first_line[uid] = line
    if not first_line:
        _fail(path, sheet.header_line, "no scan is listed", "Give one series UID a line.")
    return list(first_line)


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


def _read_points(path: PathLike, value: str) -> tuple[Columns, _Sheet]:
    """Read the UID, the coordinates and one more number of every row."""
    sheet = _read_sheet(path)
    uids = [uid.strip() for uid in sheet.column("seriesuid")]
    columns: Columns = {"seriesuid": np.array(uids, dtype=object)}
    for name in (*COORDINATES, value):
        columns[COORDINATES.get(name, name)] = _numbers(sheet, name)
    return columns, sheet


def _numbers(sheet: _Sheet, name: str) -> np.ndarray:
    """One column as finite float64."""
    cells = sheet.column(name)
    try:
        numbers = np.array(list(map(float, cells)), dtype=np.float64)
        if np.isfinite(numbers).all():
            return numbers
    except ValueError:
        pass
    line, cell = next(
        (line, cell)
        for line, cell in zip(sheet.lines, cells, strict=True)
        if not _is_finite_number(cell)
    )
    what = "is empty" if not cell.strip() else f"'{cell}' is not a finite number"
    _fail(sheet.path, line, f"{name} {what}", "Correct or remove the line.")


def _is_finite_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _read_sheet(path: PathLike) -> _Sheet:
    """Read a CSV file's rows; those without any content are left out."""
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            numbered = [(reader.line_num, row) for row in reader if any(row)]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: is not CSV text in UTF-8 ({error}). Export it again.") from error
    if not numbered:
        raise UserError(f"{path}: the file is empty. Even a list without rows needs its header.")
    (header_line, header), *body = numbered
    for line, row in body:
        if len(row) != len(header):
            reason = f"{len(row)} fields where line {header_line} has {len(header)}"
            _fail(path, line, reason, "Complete or remove the line.")
    names = [name.strip() for name in header]
    return _Sheet(path, names, header_line, [row for _, row in body], [line for line, _ in body])


def _fail(path: PathLike, line: int, reason: str, remedy: str) -> NoReturn:
    raise UserError(f"{path}, line {line}: {reason}. {remedy}")
