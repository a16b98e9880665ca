"""Findings read from lists: LUNA16's CSV, output of `luna16 predict`, a reader's decisions."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nodules.base.files import FileDefect, UserError, read_json
from nodules.base.messages import escaped, shown
from nodules.datasets import points_csv
from nodules.datasets.csv_text import read_sheet
from nodules.findings.follow_up.compare import Spot
from nodules.images.foreign import decimal

DIAMETER_MM = 6.4  # if a list has none: the median of LUNA16's nodules
SMALLEST_MM = 1.0
# Exceptions that a JSON file with other content may raise.
UNREADABLE = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError),
    *(OverflowError, RecursionError),
)


def read(paths: Iterable[Path]) -> dict[str, list[Spot]]:
    """Findings by series UID, from all files in turn.

    Numbers are those in the file. A finding without a number, or whose number an earlier one has,
    gets the highest number so far plus one.

    CSV: columns seriesuid, coordX, coordY, coordZ, diameter_mm as in LUNA16's annotations.csv; or
    findings.csv of `luna16 predict`, of which the reported ones are taken. JSON: a reader's
    decisions as saved by the viewer: findings accepted or added. Else raises FileDefect.
    """
    found: dict[str, list[Spot]] = {}
    for path in paths:
        rows = _of_json(path) if path.suffix.lower() == ".json" else _of_csv(path)
        for uid, number, world, diameter, probability in rows:
            own = found.setdefault(uid, [])
            size = diameter if diameter >= SMALLEST_MM else DIAMETER_MM
            taken = {0, *(spot.number for spot in own)}
            new = max(taken) + 1 if number in taken else number
            own.append(Spot(new, world, size, probability))
    return found


Row = tuple[str, int, tuple[float, float, float], float, float | None]


def _of_csv(path: Path) -> list[Row]:
    """Rows of a CSV file."""
    points, lines = points_csv.read_points(path, "diameter_mm")
    sheet = read_sheet(path)
    names = [name.lower() for name in sheet.header]
    by_line = dict(zip(sheet.lines, sheet.rows, strict=True))

    def cell(line: int, name: str) -> str:
        return by_line[line][names.index(name)].strip() if name in names else ""

    rows = []
    for i, line in enumerate(lines):
        if cell(line, "reported") == "no":
            continue
        world = (float(points["x"][i]), float(points["y"][i]), float(points["z"][i]))
        number = _number(path, line, "finding", cell(line, "finding"))
        probability = _number(path, line, "probability", cell(line, "probability"))
        rows.append(
            (
                str(points["seriesuid"][i]),
                int(number or 0),
                world,
                float(points["diameter_mm"][i]),
                probability,
            )
        )
    return rows


def _number(path: Path, line: int, name: str, text: str) -> float | None:
    """Number in a cell; None if it is empty. A finding's number must be whole, as 7 or 7.0."""
    if not text:
        return None
    try:
        value = decimal(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (name == "finding" and (value < 1 or value != int(value))):
        raise FileDefect(
            f"{path}, line {line}",
            f"{name} is '{shown(text)}'",
            "Give a number, or leave it empty.",
        )
    return value


def _of_json(path: Path) -> list[Row]:
    """Rows of a JSON file with a reader's decisions."""
    if not path.is_file():
        raise UserError(f"{escaped(str(path))}: no such file. Check the path.")
    try:
        told = read_json(path)
        uid = str(told["seriesuid"])
        kept = [d for d in told["decisions"] if d["verdict"] == "accept"]
        rows = [_decided(uid, entry, int(entry["finding"])) for entry in kept]
        # The viewer numbers added findings from 1 again; here they follow the decided ones.
        last = max((int(d["finding"]) for d in told["decisions"]), default=0)
        own = [entry for entry in told["added"] if not entry.get("removed")]
        rows += [_decided(uid, e, last + k) for k, e in enumerate(own, 1)]
    except UNREADABLE as error:
        told = f"no {error}" if isinstance(error, KeyError) else str(error)[:100]
        reason = f"it holds no decisions of a reader ({told})"
        raise FileDefect(str(path), reason, "Name what the viewer saved, or a CSV.") from error
    return rows


def _decided(uid: str, entry: Mapping[str, Any], number: int) -> Row:
    world = (float(entry["coordX"]), float(entry["coordY"]), float(entry["coordZ"]))
    diameter = float(entry.get("diameter_mm") or -1)
    probability = entry.get("probability")
    known = None if probability is None else float(probability)
    if not all(map(math.isfinite, (*world, diameter, known or 0.0))):
        raise ValueError("a place, diameter or probability is not finite")
    return uid, number, world, diameter, known
