"""A plain table of scans: scans.csv, and lesions.csv for scans without label volumes.

scans.csv has one row per scan: `scan` (any text), `image`, and optionally `labels`, `region`,
`patient` and `split` (train, test, or the number of a subset). Paths are relative to its folder.
lesions.csv lists lesions of scans without labels: `scan`, `x`, `y`, `z` (world mm, LPS) and
`diameter_mm`. Runs while the Snakefile is read.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nodules.base.files import FileDefect
from nodules.base.messages import escaped, shown
from nodules.datasets.scan import SUBSETS, Oddity
from nodules.datasets.sources.case import Case, Listing, Point, gaps, safe, settled
from nodules.images.foreign import decimal

SCANS, LESIONS = "scans.csv", "lesions.csv"
COLUMNS = ("scan", "image", "labels", "region", "patient", "split")
POINT = ("x", "y", "z", "diameter_mm")
EXPLAINED = f"{SCANS} has the columns scan and image, and perhaps labels, region, patient, split."
LISTED = f"{LESIONS} has the columns scan, {', '.join(POINT)}, in world mm (LPS)."
QUOTE = "Write decimal points, and cells that hold a comma in quotation marks."
TRAIN, TEST = "train", "test"

Row = tuple[int, dict[str, str]]  # line and cells


def cases(folder: str, config: Mapping[str, Any]) -> Listing:
    """The scans of a table, in its order.

    Scans of the split `test` are in the subset that folds.test_subset names; the patients of
    `train` are assigned to the other subsets in turn. Raises FileDefect that names the line.
    """
    root = Path(folder)
    rows = _read(root / SCANS, COLUMNS, ("scan", "image"), EXPLAINED)
    listed = _lesions(root, {row["scan"] for _, row in rows})
    told, found = list[Oddity](), list[Case]()
    placed = _Places(root / SCANS, config["folds"]["test_subset"])
    for line, row in rows:
        image, labels, region = (_path(root, row[key]) for key in ("image", "labels", "region"))
        name = safe(row["scan"])
        if not labels and listed is None:
            place = f"{root / SCANS}, line {line}"
            reason = f"scan {shown(row['scan'])} has no labels, and there is no {LESIONS}"
            remedy = f"Name its label volume, or list lesions: {LISTED} Its header says: none."
            told.append(Oddity(Path(place), reason, remedy, name))
            continue
        patient = row["patient"] or row["scan"]
        points = () if labels else tuple((listed or {}).get(row["scan"], ()))
        subset = placed.of(line, patient, row["split"])
        found.append(Case(name, image, labels, region, escaped(patient), subset, (), points))
    return settled(root, found, [*told, *gaps(root, (row["scan"] for _, row in rows))])


class _Places:
    """Subset of each scan by its split; all scans of a patient are in the same one."""

    def __init__(self, path: Path, test_subset: int | None) -> None:
        self._path, self._test = path, test_subset
        self._training = [k for k in SUBSETS if k != test_subset]
        self._seen: dict[str, tuple[str, int]] = {}

    def of(self, line: int, patient: str, split: str) -> int:
        """The subset of a scan; -1 if the table does not say. FileDefect for an invalid split."""
        place = f"{self._path}, line {line}"
        known = (TRAIN, TEST, "", *map(str, SUBSETS))
        if split not in known:
            reason = f"split '{shown(split)}' is none of train, test and the numbers 0 to 9"
            raise FileDefect(place, reason, EXPLAINED)
        before, number = self._seen.get(patient, (split, len(self._seen)))
        if before != split:
            reason = f"patient {shown(patient)} is in the split '{shown(before)}', too"
            raise FileDefect(place, reason, "Put all scans of a patient into one split.")
        self._seen[patient] = split, number
        if split == TEST and self._test is None:
            reason = "its split is test, but folds.test_subset is null"
            raise FileDefect(place, reason, "Name a subset there, such as 9.")
        if split == TEST and self._test is not None:
            return self._test
        if split == TRAIN:
            return self._training[number % len(self._training)]
        return int(split) if split else -1


def _lesions(root: Path, scans: set[str]) -> dict[str, list[Point]] | None:
    """Lesions by scan; None if there is no lesions.csv."""
    path = root / LESIONS
    if not path.exists():
        return None
    found: dict[str, list[Point]] = {}
    for line, row in _read(path, ("scan", *POINT), ("scan", *POINT), LISTED, empty=True):
        place = f"{path}, line {line}"
        if row["scan"] not in scans:
            reason = f"scan {shown(row['scan'])} is not in {SCANS}"
            raise FileDefect(place, reason, "Spell it as there, or remove the line.")
        try:
            x, y, z, diameter = (decimal(row[name]) for name in POINT)
        except ValueError as error:
            raise FileDefect(place, "a place or diameter is not a number", LISTED) from error
        if not all(map(math.isfinite, (x, y, z, diameter))) or diameter <= 0:
            reason = f"diameter_mm {row['diameter_mm']} or its place is impossible"
            raise FileDefect(place, reason, LISTED)
        found.setdefault(row["scan"], []).append((x, y, z, diameter))
    return found


def _read(
    path: Path, columns: Sequence[str], needed: Sequence[str], help_: str, empty: bool = False
) -> list[Row]:
    """Rows of a CSV file with their lines; FileDefect if its columns or rows are wrong.

    empty: whether a header alone is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise FileDefect(str(path), f"cannot be read ({reason})", help_) from error
    read = csv.DictReader(text.splitlines())
    known = [(name or "").strip() for name in read.fieldnames or []]
    unknown = [name for name in known if name not in columns]
    if twice := [name for name in known if known.count(name) > 1]:
        raise FileDefect(str(path), f"the column '{shown(twice[0])}' stands twice", help_)
    missing = [name for name in needed if name not in known]
    if unknown or missing:
        told = f"unknown column '{shown(unknown[0])}'" if unknown else f"no column {missing[0]}"
        raise FileDefect(str(path), told, help_)
    read.fieldnames = known
    rows = list(_rows(path, read, columns, needed, help_))
    if not rows and not empty:
        raise FileDefect(str(path), "it lists no scan", help_)
    return rows


def _rows(
    path: Path,
    read: "csv.DictReader[str]",
    columns: Sequence[str],
    needed: Sequence[str],
    help_: str,
) -> Iterator[Row]:
    """Yield each row with its line; FileDefect if a required cell is empty."""
    for cells in read:
        # Where csv puts what is left over: decimal commas would shift a place.
        if any(cells.get(read.restkey) or []):
            reason = "it has more fields than there are columns"
            raise FileDefect(f"{path}, line {read.line_num}", reason, f"{QUOTE} {help_}")
        row = {name: (cells.get(name) or "").strip() for name in columns}
        for name in needed:
            if not row[name]:
                raise FileDefect(f"{path}, line {read.line_num}", f"{name} is empty", help_)
        yield read.line_num, row


def _path(root: Path, cell: str) -> str:
    """Path of a file that a cell names relative to the table's folder; "" for an empty cell."""
    return str(root / cell) if cell else ""
