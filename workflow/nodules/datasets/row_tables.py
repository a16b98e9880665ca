"""Small CSV tables in which a restartable command records, row by row, what it has done."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from nodules.base import files
from nodules.base.files import FileDefect

Row = dict[str, str]


def read(path: Path, columns: Sequence[str]) -> list[Row]:
    """The complete rows of a table; none if the file or one of the columns is missing."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        rows = list(csv.DictReader(stream))
    return [row for row in rows if all(row.get(name) is not None for name in columns)]


def require_own(path: Path, columns: Sequence[str]) -> None:
    """Raise FileDefect if a file is there that is no table of these columns, and would be lost."""
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        header = next(csv.reader(stream), [])
    if header and not set(columns[:2]) <= set(header):
        reason = f"it is no table of {columns[0]} and {columns[1]}, and would be written over"
        raise FileDefect(str(path), reason, "Move it, or name another folder.")


def keep(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Add rows to a table, replacing those with the same values in the first two columns."""
    key = columns[:2]
    kept = {tuple(row[name] for name in key): row for row in [*read(path, columns), *rows]}
    write(path, columns, kept.values())


def forget(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Remove rows from a table."""
    if rows:
        write(path, columns, [row for row in read(path, columns) if row not in rows])


def write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write a table, atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    files.write_bytes(path, text.getvalue().encode(errors="surrogateescape"))
