"""A table of pairs: which two scans show the same patient at two times."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from nodules.base.files import FileDefect
from nodules.base.messages import shown
from nodules.datasets.csv_text import Sheet, read_sheet

COLUMNS = ("patient", "prior", "current", "prior_date", "current_date")
DAY = "Write days as 2024-05-31, or leave both cells empty."


@dataclass(frozen=True)
class PairOf:
    """Two scans of a patient by series UID; dates as text (YYYY-MM-DD), "" if unknown."""

    patient: str
    prior: str
    current: str
    prior_date: str = ""
    current_date: str = ""

    def to_dict(self) -> dict[str, str]:
        """The pair as a dictionary, for a rule's params."""
        return asdict(self)


def read(path: str | Path) -> list[PairOf]:
    """Read pairs from a CSV file with the columns COLUMNS; FileDefect if they cannot be used."""
    sheet = read_sheet(path)
    rows = zip(*(sheet.column(name) for name in COLUMNS), strict=True)
    pairs = [PairOf(*(cell.strip() for cell in row)) for row in rows]
    for pair, line in zip(pairs, sheet.lines, strict=True):
        for reason, remedy in _defects(pair):
            sheet.fail(line, reason, remedy)
    _require_different(sheet, pairs)
    return pairs


def require_scans(path: str | Path, pairs: Iterable[PairOf], scans: Container[str]) -> None:
    """Raise FileDefect if a scan of a pair is not among the run's."""
    for uid in (uid for pair in pairs for uid in (pair.prior, pair.current)):
        if uid not in scans:
            reason = f"the scan {shown(uid, 80)} is not among the scans of this run"
            raise FileDefect(str(path), reason, "Correct the UID, or add the scan to luna16_dir.")


def _defects(pair: PairOf) -> Iterator[tuple[str, str]]:
    """Yield reason and remedy of each defect of a row."""
    if not pair.prior or not pair.current:
        yield "a series UID is missing", "Name the scan of each time."
    if pair.prior == pair.current:
        yield "both times are the same scan", "Name two scans of the patient."
    days = [_day(text) for text in (pair.prior_date, pair.current_date)]
    if None in days and (pair.prior_date or pair.current_date):
        yield f"'{pair.prior_date}' and '{pair.current_date}' are not two days", DAY
    elif days[0] and days[1] and days[0] > days[1]:
        yield "the prior scan is the later one", "Exchange the two, or correct the days."


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _require_different(sheet: Sheet, pairs: list[PairOf]) -> None:
    """Raise FileDefect if a pair is listed twice."""
    seen: set[tuple[str, str]] = set()
    for pair, line in zip(pairs, sheet.lines, strict=True):
        if (pair.prior, pair.current) in seen:
            sheet.fail(line, "this pair stands twice", "Name each pair once.")
        seen.add((pair.prior, pair.current))
