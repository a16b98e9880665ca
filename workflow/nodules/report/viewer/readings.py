"""Readers' decisions: reading them back, writing submissions, and measuring agreement."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from nodules.base.files import FileDefect, UserError, write_text
from nodules.base.messages import escaped
from nodules.datasets import points_csv
from nodules.images.foreign import is_uid
from nodules.stats import bootstrap
from nodules.stats.agreement import kappa

FORMAT, KIND = 1, "luna16 reading"
WORTH = {"accept": 1.0, "undecided": 0.5, "reject": None}  # probability in a submission
MODES = ("second reader", "concurrent")
FIRST_READ, WITH_MARKS = "first read", "with marks"
NEAR_MM = 5.0  # added nodules of two readers within this distance are the same
MOST_BYTES = 8 << 20
AGAIN = "Save it again from the page."


@dataclass(frozen=True)
class Reading:
    """One reader's decisions on one scan, as the page saved them (types.js: Reading)."""

    place: str
    values: Mapping[str, Any]

    @property
    def reader(self) -> str:
        """The reader's name."""
        return str(self.values["reader"])

    @property
    def uid(self) -> str:
        """UID of the scan."""
        return str(self.values["seriesuid"])

    @property
    def case(self) -> str:
        """Hash of the scan with its findings (`shown.case_of`)."""
        return str(self.values["case"])

    @property
    def verdicts(self) -> dict[int, str]:
        """Verdicts by the finding's number."""
        return {int(one["finding"]): str(one["verdict"]) for one in self.values["decisions"]}

    def added(self, phase: str = "") -> list[tuple[float, float, float]]:
        """World points (x, y, z in mm, LPS) of nodules that the reader added, in one phase or both.

        A nodule of the first read that was removed after the marks were shown still counts for
        the first read, but no longer for both phases.
        """
        rows = [one for one in self.values["added"] if phase in ("", one["phase"])]
        return [_point(one) for one in rows if phase == FIRST_READ or not one.get("removed")]

    def marks(self, first_read: bool = False) -> list[tuple[float, float, float, float]]:
        """Marks (x, y, z, probability) of a submission, the same as the page writes."""
        if first_read:
            return [(*point, 1.0) for point in self.added(FIRST_READ)]
        worth = [(_point(one), WORTH[one["verdict"]]) for one in self.values["decisions"]]
        own = [(*point, 1.0) for point in self.added()]
        return own + [(*point, value) for point, value in worth if value is not None]


def _point(one: Mapping[str, Any]) -> tuple[float, float, float]:
    return float(one["coordX"]), float(one["coordY"]), float(one["coordZ"])


def parse(text: str, place: str) -> Reading:
    """A reading from its text. Raises FileDefect if it is not one, or is incomplete."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileDefect(place, "it is not JSON", AGAIN) from error
    if not isinstance(values, dict) or values.get("kind") != KIND or values.get("format") != FORMAT:
        raise FileDefect(place, "it is no reading of luna16 view", AGAIN)
    try:
        whole = _is_whole(values)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        whole = False
    if not whole:
        raise FileDefect(place, "something in it is missing or of the wrong kind", AGAIN)
    return Reading(place, values)


def _is_whole(values: Mapping[str, Any]) -> bool:
    """Whether all that is used of a reading is there and of the right type."""
    decisions, added = values["decisions"], values["added"]
    texts = ("reader", "case", "begun", "saved", "first_read_finished", "finished")
    numbers = [values["seconds"][key] for key in ("total", "first_read", "with_marks")]
    for one in (*decisions, *added):
        numbers += [one["coordX"], one["coordY"], one["coordZ"], one["seconds"]]
    return (
        is_uid(values["seriesuid"])
        and all(isinstance(values[key], str) for key in texts)
        and values["reader"].strip() != ""
        and values["mode"] in MODES
        and all(isinstance(n, int | float) and math.isfinite(n) for n in numbers)
        and all(isinstance(one["finding"], int) and one["verdict"] in WORTH for one in decisions)
        and len({one["finding"] for one in decisions}) == len(decisions)
        and all(one["phase"] in (FIRST_READ, WITH_MARKS) for one in added)
        and all(isinstance(one.get("removed", ""), str) for one in added)
    )


def read(places: Iterable[Path]) -> list[Reading]:
    """Readings in files, and in all .json below folders. Raises UserError if there are none."""
    found = []
    for place in places:
        if not place.exists():
            raise UserError(f"{escaped(str(place))}: no such file or folder. Check the path.")
        paths = [path for path in sorted(place.rglob("*.json")) if path.is_file()]
        paths = paths if place.is_dir() else [place]
        for path in paths:
            if path.stat().st_size > MOST_BYTES:
                raise FileDefect(str(path), "it is too large for a reading", "Name another file.")
            text = path.read_text(encoding="utf-8", errors="replace")
            if place.is_dir() and f'"{KIND}"' not in text:
                continue  # another JSON, such as findings.json
            found.append(parse(text, str(path)))
    if not found:
        told = ", ".join(escaped(str(place)) for place in places)
        raise UserError(f"{told}: no reading in it. Save readings from the page first.")
    _require_one_each(found)
    return found


def _require_one_each(found: Sequence[Reading]) -> None:
    """Raise UserError if a reader has two readings of a scan, since only one can count."""
    seen: dict[tuple[str, str], str] = {}
    for one in found:
        earlier = seen.setdefault((one.reader, one.uid), one.place)
        if earlier != one.place:
            raise UserError(
                f"{escaped(one.place)}: {escaped(one.reader)} has read scan {one.uid} in "
                f"{escaped(earlier)}, too. Leave one of them out."
            )


def file_name(reading: Reading) -> str:
    """A plain name, without suffix, for a reading's files, unique to scan, case and reader."""
    told = f"{reading.values['case']} {reading.reader}"
    plain = re.sub(r"[^0-9A-Za-z]+", "_", reading.reader)[:40]
    return f"{reading.uid}_{plain}_{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def write_submissions(found: Sequence[Reading], folder: Path) -> list[Path]:
    """Write each reader's marks as a submission, and those of the first reads as another.

    All are on the same scans, those that all readers have finished: on others, what nobody looked
    for would count as missed. First reads are written of readers in second-reader mode: what they
    found without the computer, for a paired comparison by `luna16 score`. Returns the files
    written. Raises UserError if no scan was finished by all.
    """
    uids = sorted({one.uid for one in found} - set(_unfinished(found)))
    if not uids:
        raise UserError(
            "No scan was finished by every reader, so there is nothing to compare. Finish one, or "
            "leave out the files of who has not."
        )
    made = []
    for reader in dict.fromkeys(one.reader for one in found):
        own = [one for one in found if one.reader == reader and one.uid in uids]
        plain = re.sub(r"[^0-9A-Za-z]+", "_", reader)[:40]
        stem = f"{plain}_{hashlib.sha256(reader.encode()).hexdigest()[:4]}"
        made.append(_submission(folder / f"{stem}.csv", own, first_read=False))
        if all(one.values["mode"] == "second reader" for one in own):
            made.append(_submission(folder / f"{stem}_first_read.csv", own, first_read=True))
    write_text(folder / "seriesuids.csv", "".join(f"{uid}\n" for uid in uids))
    return [*made, folder / "seriesuids.csv"]


def left_out(found: Sequence[Reading]) -> list[str]:
    """A sentence on each scan that the submissions leave out: who has not read or finished it."""
    return [
        f"{uid} is in no submission: {'; '.join(lacking)}."
        for uid, lacking in _unfinished(found).items()
    ]


def _unfinished(found: Sequence[Reading]) -> dict[str, list[str]]:
    """Scans that not all readers have finished, with a phrase for each reader who has not."""
    finished = {(one.reader, one.uid): one.values["finished"] != "" for one in found}
    lacking: dict[str, list[str]] = {}
    for uid in sorted({one.uid for one in found}):
        for reader in dict.fromkeys(one.reader for one in found):
            if not finished.get((reader, uid)):
                verb = "finished" if (reader, uid) in finished else "read"
                lacking.setdefault(uid, []).append(f"{escaped(reader)} has not {verb} it")
    return lacking


def _submission(path: Path, own: Sequence[Reading], first_read: bool) -> Path:
    rows = [(one.uid, *mark) for one in own for mark in one.marks(first_read)]
    names = ("seriesuid", "x", "y", "z", "probability")
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    points_csv.write_submission(path, dict(zip(names, map(list, columns), strict=True)))
    return path


def summary(found: Sequence[Reading], replicates: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Time and verdicts of each reader, and the agreement of each pair of readers.

    Kappa is Cohen's, on findings that both accepted or rejected; its interval is from resampling
    scans. Findings that one of them left undecided, or did not judge, are counted separately.
    """
    readers = list(dict.fromkeys(one.reader for one in found))
    by_reader = {reader: [one for one in found if one.reader == reader] for reader in readers}
    return {
        "readers": {reader: _reader(own) for reader, own in by_reader.items()},
        "pairs": [
            {
                "readers": [one, other],
                **_agreement(by_reader[one], by_reader[other], replicates, seed),
            }
            for one, other in combinations(readers, 2)
        ],
    }


def _reader(own: Sequence[Reading]) -> dict[str, Any]:
    """Numbers of scans and verdicts of a reader, and median seconds."""
    verdicts = [verdict for one in own for verdict in one.verdicts.values()]
    seconds = {
        key: float(np.median([one.values["seconds"][key] for one in own]))
        for key in ("total", "first_read", "with_marks")
    }
    by_mark = [float(d["seconds"]) for one in own for d in one.values["decisions"]]
    return {
        "scans": len(own),
        "finished": sum(one.values["finished"] != "" for one in own),
        "modes": sorted({str(one.values["mode"]) for one in own}),
        **{verdict: verdicts.count(verdict) for verdict in WORTH},
        "added_first_read": sum(len(one.added(FIRST_READ)) for one in own),
        "added_with_marks": sum(len(one.added(WITH_MARKS)) for one in own),
        "median_seconds": seconds,
        "median_seconds_a_mark": float(np.median(by_mark)) if by_mark else None,
    }


def _agreement(
    own: Sequence[Reading], others: Sequence[Reading], replicates: int, seed: int
) -> dict[str, Any]:
    """Agreement of two readers on the scans that both have read with the same findings."""
    cases = {one.values["case"]: one for one in others}
    both = [(one, cases[one.values["case"]]) for one in own if one.values["case"] in cases]
    counts = np.zeros((len(both), 2, 2))
    apart = {"undecided": 0, "judged_by_one": 0}
    shared = alone = 0
    for scan, (one, other) in enumerate(both):
        for finding in sorted(set(one.verdicts) | set(other.verdicts)):
            pair = [reading.verdicts.get(finding) for reading in (one, other)]
            if None in pair:
                apart["judged_by_one"] += 1
            elif "undecided" in pair:
                apart["undecided"] += 1
            else:
                counts[scan, int(pair[0] == "accept"), int(pair[1] == "accept")] += 1
        same = _same(one.added(), other.added())
        shared += same
        alone += len(one.added()) + len(other.added()) - 2 * same
    drawn = bootstrap.weights(len(both), replicates, seed)
    found = kappa(np.tensordot(drawn, counts, axes=1))
    estimate = bootstrap.estimate(found, "no finding that both judged, or always one verdict")
    total = counts.sum(axis=0)
    return {
        "scans": len(both),
        "findings": int(total.sum()),
        "both_accept": int(total[1, 1]),
        "both_reject": int(total[0, 0]),
        "only_first_accepts": int(total[1, 0]),
        "only_second_accepts": int(total[0, 1]),
        **apart,
        "added_by_both": shared,
        "added_by_one": alone,
        "kappa": estimate.to_dict(),
    }


def _same(one: Sequence[tuple[float, ...]], other: Sequence[tuple[float, ...]]) -> int:
    """Number of points that two readers share: pairs within NEAR_MM, one to one, nearest first."""
    apart = [(math.dist(p, q), i, j) for i, p in enumerate(one) for j, q in enumerate(other)]
    taken: tuple[set[int], set[int]] = (set(), set())
    for mm, i, j in sorted(apart):
        if mm <= NEAR_MM and i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
    return len(taken[0])


def describe(told: Mapping[str, Any]) -> str:
    """The summary as text for a terminal."""
    lines = []
    for reader, own in told["readers"].items():
        lines += _about_reader(escaped(reader), own)
    for pair in told["pairs"]:
        lines += _about_pair(pair)
    return "\n".join(lines) + "\n"


def _about_reader(reader: str, own: Mapping[str, Any]) -> list[str]:
    seconds, mark = own["median_seconds"], own["median_seconds_a_mark"]
    each = "" if mark is None else f"; per mark {mark:.1f} s"
    return [
        f"{reader}: {own['scans']} scans ({own['finished']} finished; {', '.join(own['modes'])})",
        f"  accepted {own['accept']}, rejected {own['reject']}, undecided {own['undecided']}; "
        f"added {own['added_first_read']} in first reads, {own['added_with_marks']} with marks",
        f"  median time per scan {seconds['total']:.0f} s: first read {seconds['first_read']:.0f}"
        f" s, with marks {seconds['with_marks']:.0f} s{each}",
    ]


def _about_pair(pair: Mapping[str, Any]) -> list[str]:
    one, other = map(escaped, pair["readers"])
    return [
        f"{one} and {other}: {pair['findings']} findings in {pair['scans']} scans, judged by both",
        f"  kappa {_estimate(pair['kappa'])}; both accept {pair['both_accept']}, both reject "
        f"{pair['both_reject']}, only {one} accepts {pair['only_first_accepts']}, only {other} "
        f"{pair['only_second_accepts']}",
        f"  left out: undecided {pair['undecided']}, judged by one {pair['judged_by_one']}; "
        f"nodules added by both {pair['added_by_both']}, by one {pair['added_by_one']}",
    ]


def _estimate(found: Mapping[str, Any]) -> str:
    """An estimate with its interval, or why there is none."""
    value, low, high = (found[key] for key in ("value", "low", "high"))
    if value != value:
        return f"undefined ({found['reason']})"
    interval = f" ({low:.2f} to {high:.2f})" if low == low else f" (no interval: {found['reason']})"
    return f"{value:.2f}{interval}"
