"""Reading, line-by-line checking and writing of LUNA16's CSV files.

The usual dialects are read (`csv_text`); columns may be in any order, and further ones are ignored.
Any other defect raises FileDefect with file and line, or is collected row by row.
"""

import csv
import math
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from io import StringIO
from itertools import product
from typing import Any, NoReturn

import numpy as np

from nodules.base.files import FileDefect, write_text
from nodules.base.messages import shown
from nodules.datasets import spellings
from nodules.datasets.csv_text import BadRow as BadRow  # re-exported: callers keep lists of them
from nodules.datasets.csv_text import Sheet, read_sheet
from nodules.images.foreign import decimal

PathLike = str | os.PathLike[str]
Columns = dict[str, np.ndarray]  # seriesuid (object), x, y, z and one more (float64), equally long

MAX_DIAMETER_MM = 100.0  # as in luna16_lists, which is too heavy to import here
COORDINATES = {"coordX": "x", "coordY": "y", "coordZ": "z"}  # world mm, as in the table 'nodules'
# Beyond, a decimal point was lost. Below are micrometres, too, which `luna16 score` recognises.
FARTHEST = 1e8
SAME_MM = 1.0  # LUNA16's nodules are at least 5.9 mm apart, its voxels at least 0.4 mm wide
LINE = "Correct or remove the line."
PLAIN_NUMBERS = "Write plain numbers with a decimal point, such as -1234.5."


def read_submission(path: PathLike, scans: Collection[str]) -> Columns:
    """Read marks: columns seriesuid, coordX, coordY, coordZ (world mm) and probability.

    Returns seriesuid, x, y, z, probability. A file with a header and no marks is valid. Raises
    UserError also for a mark whose UID is not in `scans`.
    """
    marks, lines = read_points(path, "probability")
    spellings.require_listed(path, marks["seriesuid"], lines, scans)
    return marks


def read_findings(path: PathLike) -> Columns:
    """Read annotations.csv or annotations_excluded.csv: seriesuid, coordX .. coordZ, diameter_mm.

    Returns seriesuid, x, y, z, diameter_mm of all rows, including diameters of -1 (not measured).
    """
    return read_points(path, "diameter_mm")[0]


def require_measured(path: PathLike, findings: Columns, lines: Collection[int], zero: bool) -> None:
    """Raise FileDefect for a diameter that no nodule has, in the words of `luna16 check`.

    zero: whether 0 mm is accepted. Negative ones are; by the official rules they count as 10 mm.
    """
    for value, line in zip(findings["diameter_mm"], lines, strict=True):
        if value > MAX_DIAMETER_MM or (value == 0 and not zero):
            _fail(path, line, f"diameter_mm {value:g} is impossible", LINE)


def twins(findings: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Pairs (row, earlier row of the same scan) that lie within a millimetre along each axis.

    findings: columns seriesuid, x, y, z; reference nodules only, since excluded findings, marked by
    several readers, do lie so close together.
    """
    earlier: dict[tuple[Any, ...], list[int]] = {}  # rows in each cubic millimetre of each scan
    found = []
    xyz = np.stack([np.asarray(findings[axis], np.float64) for axis in "xyz"], axis=1)
    for row, uid in enumerate(findings["seriesuid"]):
        cube = np.floor(xyz[row] / SAME_MM)
        cubes = ((uid, *(cube + step)) for step in product((0, -1, 1), repeat=3))
        rows = [i for place in cubes for i in earlier.get(place, ())]
        near = [i for i in rows if (abs(xyz[i] - xyz[row]) < SAME_MM).all()]
        if near:
            found.append((row, min(near)))
        earlier.setdefault((uid, *cube), []).append(row)
    return found


def _is_uid(text: str) -> bool:
    return bool(text) and set(text) <= set("0123456789.")


def read_scans(path: PathLike) -> list[str]:
    """Read series UIDs, one per line (seriesuids.csv), or a headed file's column seriesuid.

    The column's name may be in capitals. A first line that is neither UID nor header is an error,
    since an additional scan would change the score; so is a further field on a line without header.
    """
    found = read_sheet(path)
    sheet = replace(found, header=[name.lower() for name in found.header])
    first = ",".join(found.header)
    if "seriesuid" not in sheet.header and not _is_uid(first):
        _fail(
            path,
            sheet.header_line,
            f"'{shown(first, 80)}' is neither a series UID nor a header with 'seriesuid'",
            "Give one UID of digits and dots per line, or name the column seriesuid.",
        )
    if "seriesuid" in sheet.header:
        cells, lines = sheet.column("seriesuid"), sheet.lines
    else:
        cells = [sheet.header[0], *(row[0] for row in sheet.rows)]
        lines = [sheet.header_line, *sheet.lines]
    first_line: dict[str, int] = {}
    for uid, line in zip((cell.strip() for cell in cells), lines, strict=True):
        if not uid:
            _fail(path, line, "the series UID is empty", "Give one UID per line.")
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

    Returns seriesuid, x, y, z, `value`, and the line of each row. Rows that cannot be used are left
    out and appended to `bad_rows` if that is given; else the first of them raises UserError.
    """
    names = (*COORDINATES, value)
    sheet = _pointed(read_sheet(path, bad_rows), names)
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


def _numbers(sheet: Sheet, name: str) -> np.ndarray:
    """One column as finite float64; FileDefect for the first cell that is not a finite number."""
    cells = sheet.column(name)
    try:
        numbers = np.array(list(map(decimal, cells)), dtype=np.float64)
        if (np.abs(numbers) < (FARTHEST if name in COORDINATES else np.inf)).all():
            return numbers
    except ValueError:
        pass
    line, cell, reason = next(
        (line, cell, reason)
        for line, cell in zip(sheet.lines, cells, strict=True)
        if (reason := _problem(name, cell))
    )
    remedy = PLAIN_NUMBERS if "," in cell else LINE
    _fail(sheet.path, line, reason, remedy)


def _usable(sheet: Sheet, names: Collection[str], bad_rows: list[BadRow]) -> Sheet:
    """The rows with a series UID and finite numbers; the others are appended to `bad_rows`."""
    uids = sheet.column("seriesuid")
    columns = {name: sheet.column(name) for name in names}
    kept = []
    for i, uid in enumerate(uids):
        bad = [reason for name in names if (reason := _problem(name, columns[name][i]))]
        if bad:
            bad_rows.append(BadRow(sheet.lines[i], uid.strip(), bad[0]))
        elif not uid.strip():
            bad_rows.append(BadRow(sheet.lines[i], "", "the seriesuid is empty"))
        else:
            kept.append(i)
    rows, lines = [sheet.rows[i] for i in kept], [sheet.lines[i] for i in kept]
    return replace(sheet, rows=rows, lines=lines)


def _pointed(sheet: Sheet, names: Collection[str]) -> Sheet:
    """The sheet with decimal commas replaced by points, unless commas separate its columns.

    FileDefect if one number has a comma and another a point: then 1,234 may mean a thousand.
    """
    header = [name.lower() for name in sheet.header]
    places = [header.index(name.lower()) for name in names if name.lower() in header]
    if sheet.separator == "," or not any("," in row[i] for row in sheet.rows for i in places):
        return sheet
    for row, line in zip(sheet.rows, sheet.lines, strict=True):
        for i in places:
            if "." in row[i]:
                reason = f"{sheet.header[i]} '{shown(row[i])}' has a point, and others have commas"
                sheet.fail(line, reason, PLAIN_NUMBERS)
    rows = [list(row) for row in sheet.rows]
    for row in rows:
        for i in places:
            if re.fullmatch(r"\s*[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*", row[i]):
                row[i] = row[i].replace(",", ".")
    return replace(sheet, rows=rows)


def _not_a_number(name: str, cell: str) -> str:
    return (
        f"{name} is empty" if not cell.strip() else f"{name} '{shown(cell)}' is not a finite number"
    )


def _problem(name: str, cell: str) -> str:
    """Why a cell is no number that can be used; "" if it is one."""
    try:
        value = decimal(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        return _not_a_number(name, cell)
    if name in COORDINATES and abs(value) >= FARTHEST:
        return f"{name} {shown(cell.strip())} is impossible"
    return ""


def _fail(path: PathLike, line: int, reason: str, remedy: str) -> NoReturn:
    raise FileDefect(f"{path}, line {line}", reason, remedy)
