"""Input of `luna16 score`: the lists of a data set, and submissions that belong to them.

Anything that would silently give a wrong score is refused first: swapped lists, ids that differ in
their spelling, scans with marks in two files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from nodules.base.files import FileDefect, UserError
from nodules.base.messages import escaped, shown
from nodules.datasets import points_csv, spellings
from nodules.datasets.points_csv import Columns

OFFICIAL = (
    "Give LUNA16's annotations.csv as --annotations and annotations_excluded.csv as --excluded."
)


@dataclass(frozen=True)
class Lists:
    """The scans to score, their reference nodules, and the findings that count neither way."""

    scans: list[str]
    nodules: Columns
    excluded: Columns


def read_lists(annotations: Path, excluded: Path, scans: Path) -> Lists:
    """Read the three lists; FileDefect if they are swapped or spell one scan in two ways."""
    listed = points_csv.read_scans(scans)
    nodules, nodule_lines = points_csv.read_points(annotations, "diameter_mm")
    others, other_lines = points_csv.read_points(excluded, "diameter_mm")
    _require_own_places(annotations, nodules, excluded, others)
    points_csv.require_measured(annotations, nodules, nodule_lines, zero=False)
    points_csv.require_measured(excluded, others, other_lines, zero=True)
    spellings.require_one_spelling(annotations, nodules["seriesuid"], nodule_lines, listed)
    spellings.require_one_spelling(excluded, others["seriesuid"], other_lines, listed)
    return Lists(listed, nodules, others)


def _require_own_places(
    annotations: Path, nodules: Columns, excluded: Path, others: Columns
) -> None:
    """Raise FileDefect if the excluded findings are given as reference nodules."""
    unmeasured = int((nodules["diameter_mm"] < 0).sum())
    rows = len(nodules["x"])
    if rows and all(np.array_equal(nodules[name], others[name]) for name in nodules):
        reason = f"holds the same {rows:,} findings as {escaped(str(excluded))}"
        raise FileDefect(str(annotations), reason, OFFICIAL)
    if unmeasured and len(others["x"]) and not (others["diameter_mm"] < 0).any():
        reason = (
            f"{unmeasured:,} of its {rows:,} rows have a diameter below 0 (not measured), and of "
            f"the {len(others['x']):,} in {escaped(str(excluded))} none has: the lists are swapped"
        )
        raise FileDefect(str(annotations), reason, OFFICIAL)


def read_marks(
    paths: Sequence[Path], lists: Lists, *, together: bool = False, ignore_unlisted: bool = False
) -> tuple[dict[str, Columns], list[str]]:
    """Read submissions: marks by name, and notes about them.

    together: all files are parts of one submission, and no scan has marks in two of them.
    ignore_unlisted: leave out marks of scans that are not listed, which are otherwise an error.
    """
    names, notes = names_of(paths), []
    marks: dict[str, Columns] = {}
    for name, path in zip(names, paths, strict=True):
        own, lines = points_csv.read_points(path, "probability")
        if ignore_unlisted:
            spellings.require_one_spelling(path, own["seriesuid"], lines, lists.scans)
            own, note = _listed(own, lists.scans)
            notes += [f"{name}: {note}"] if note else []
        else:
            spellings.require_listed(path, own["seriesuid"], lines, lists.scans)
        marks[name] = own
    _require_one_listing(paths, marks, lists)
    if together and len(paths) > 1:
        return {_common_name(names): _joined(paths, list(marks.values()))}, notes
    return marks, notes


def names_of(paths: Sequence[Path]) -> list[str]:
    """Short names of the submissions: the files' stems, or whole paths if stems repeat."""
    stems = [escaped(Path(path.name.removesuffix(".gz")).stem) for path in paths]
    names = stems if len(set(stems)) == len(stems) else [escaped(str(path)) for path in paths]
    if len(set(names)) < len(names):
        raise UserError("a submission is named twice. Name each file once.")
    return names


def _listed(marks: Columns, scans: Sequence[str]) -> tuple[Columns, str]:
    """The marks of listed scans, and a note on those left out."""
    known = set(scans)
    kept = np.array([uid in known for uid in marks["seriesuid"]], dtype=bool)
    if kept.all():
        return marks, ""
    others = len(set(marks["seriesuid"][~kept]))
    note = f"{(~kept).sum():,} of {len(kept):,} marks are left out (unlisted scans: {others:,})"
    return {name: column[kept] for name, column in marks.items()}, note


def _require_one_listing(paths: Sequence[Path], marks: Mapping[str, Columns], lists: Lists) -> None:
    """Raise FileDefect if one spelling of a scan has its marks and another its truth."""
    truth = set(lists.nodules["seriesuid"]) | set(lists.excluded["seriesuid"])
    for group in spellings.alike(lists.scans):
        for path, own in zip(paths, marks.values(), strict=True):
            marked, true = set(own["seriesuid"]) & set(group), truth & set(group)
            if marked and true and not marked & true:
                one, other = shown(min(marked)), shown(min(true))
                raise FileDefect(
                    str(path),
                    f"has marks of scan '{one}', and the annotations spell it '{other}': both are "
                    "listed, as if they were two scans",
                    f"Write '{other}' in the submission, and list each scan once in --scans.",
                )


def _joined(paths: Sequence[Path], parts: Sequence[Columns]) -> Columns:
    """All marks as one submission; FileDefect for a scan with marks in two files."""
    owner: dict[str, Path] = {}
    for path, part in zip(paths, parts, strict=True):
        own = dict.fromkeys(part["seriesuid"])
        shared = [uid for uid in own if uid in owner]
        if shared:
            others = f" (and {len(shared) - 1:,} more)" if len(shared) > 1 else ""
            raise FileDefect(
                str(path),
                f"scan '{shown(shared[0])}'{others} has marks here and in "
                f"{escaped(str(owner[shared[0]]))}",
                "With --together, give each scan's marks in one file; to compare systems, leave "
                "--together out.",
            )
        owner |= dict.fromkeys(own, path)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _common_name(names: Sequence[str]) -> str:
    """A name for files scored together: the common beginning of their names."""
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    common = "".join(letters[0] for letters in alike).rstrip("0123456789_-. ")
    return common or f"{len(names)} files together"


def apart(marks: Mapping[str, Mapping[str, Any]]) -> str:
    """A note if no two submissions share a scan, as parts of one would not; else ""."""
    scans = {name: set(own["seriesuid"]) for name, own in marks.items() if len(own["x"])}
    if len(scans) < 2 or any(one & other for one, other in combinations(scans.values(), 2)):
        return ""
    return (
        f"no scan has marks in two of these {len(scans)} files. If they are parts of one system, "
        "such as its folds, score them as one submission with --together: alone, each misses the "
        "nodules of all other scans"
    )
