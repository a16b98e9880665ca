"""A sheet of scans to find nodules in: a CSV file of paths, one job per scan.

Runs while the Snakefile is read, so it imports nothing heavy and opens no scan.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nodules.base.files import FileDefect, UserError
from nodules.base.messages import shown
from nodules.datasets.luna16 import beside
from nodules.images.foreign import is_path

COLUMNS = ("scan", "name", "series")
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
EXPLAINED = (
    "A sheet is a CSV with the column scan (a folder, zip or file), and perhaps name (of the "
    "folder of its findings: letters, digits, points, dashes) and series (UID of a DICOM series)."
)


class Listed(NamedTuple):
    """A row of a sheet: the scan's name, path, and DICOM series to use ("" for the best)."""

    name: str
    path: Path
    series: str

    @property
    def files(self) -> list[str]:
        """The path itself and, if it is a header, its voxel file."""
        return [str(path) for path in (self.path, *beside(self.path))]


def read(sheet: str | Path) -> list[Listed]:
    """Read a sheet's scans; paths are relative to the sheet's folder, and names must be unique.

    A scan without a name is named after its file or folder. Raises UserError; for a bad row it
    names the line.
    """
    path = Path(sheet)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UserError(f"predict.scans {path}: cannot be read ({reason}). {EXPLAINED}") from error
    rows = csv.DictReader(text.splitlines())
    known = [(name or "").strip() for name in rows.fieldnames or []]
    unknown = [name for name in known if name not in COLUMNS]
    if "scan" not in known or unknown:
        told = f"it has {shown(unknown[0])}" if unknown else "it has no column scan"
        raise UserError(f"predict.scans {path}: {told}. {EXPLAINED}")
    rows.fieldnames = known
    found = list(_scans(path, rows))
    if not found:
        raise UserError(f"predict.scans {path}: it lists no scan. {EXPLAINED}")
    return found


def _scans(sheet: Path, rows: "csv.DictReader[str]") -> Iterator[Listed]:
    """Yield each row as a scan; FileDefect with the line number for a row that cannot be one."""
    before: dict[str, int] = {}
    for row in rows:
        scan, name, series = ((row.get(column) or "").strip() for column in COLUMNS)
        place = f"{sheet}, line {rows.line_num}"
        if any(row.get(rows.restkey) or []):  # what is left over
            reason = "it has more fields than there are columns"
            raise FileDefect(place, reason, f"Put cells with a comma in quotes. {EXPLAINED}")
        if not scan:
            raise FileDefect(place, "it names no scan", EXPLAINED)
        path = sheet.parent / scan
        name = name or _named(path)
        if not re.fullmatch(NAME, name):
            raise FileDefect(place, f"the name '{shown(name)}' is none for a folder", EXPLAINED)
        if name in before:
            reason = f"the name {name} stands on line {before[name]}, too"
            raise FileDefect(place, reason, "Give each scan a name of its own in the column name.")
        if not is_path(str(path)):
            reason = f"Snakemake takes a part of '{shown(str(path))}' for something else"
            raise FileDefect(place, reason, "Name a link to it without { } < >.")
        if not path.exists():
            raise FileDefect(place, f"there is no '{shown(scan)}' there", "Correct the path.")
        before[name] = rows.line_num
        yield Listed(name, path, series)


def _named(path: Path) -> str:
    """Name from a scan's file or folder: up to 128 characters, unsafe ones replaced."""
    stem = path.name.removesuffix(".gz")
    stem = Path(stem).stem if path.is_file() else stem
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem).strip("._-")[:128]
