"""Follow-up of one patient: read and compare the scans, write table, details, figure and page."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from nodules.base import files, tables
from nodules.base.files import UserError
from nodules.base.messages import escaped
from nodules.findings.follow_up import compare, matching, table
from nodules.findings.follow_up.compare import Pair, Spot, Time
from nodules.images import dicom_study, reading
from nodules.images.reading import Reading
from nodules.prepare import lung_search
from nodules.report import plotting
from nodules.report.figures.follow_up import growth
from nodules.report.pages import follow_up as follow_up_page

TABLE, PARQUET, DETAILS, PAGE = "pairs.csv", "pairs.parquet", "follow_up.json", "follow_up.html"
FIGURE = "trajectories"
METHOD = "volume"  # of searching for lungs

Find = Callable[[Reading], Sequence[Spot]]


@dataclass(frozen=True)
class FollowUpJob:
    """Scans to compare, and how.

    find: returns a scan's findings. days: dates in the order of the scans; empty: from DICOM.
    series: UIDs of DICOM series to take, where a folder holds several.
    same_patient: compare even if the headers name two patients. gate_mm: largest distance at which
    registered findings may be the same nodule.
    """

    scans: tuple[Path, ...]
    out: Path
    find: Find
    days: tuple[date, ...] = ()
    same_patient: bool = False
    series: tuple[str, ...] = ()
    gate_mm: float = matching.GATE_MM


def deliver(
    asked: FollowUpJob, tell: Callable[[str], object] = lambda text: None
) -> tuple[list[Pair], list[str]]:
    """Read and compare the scans and write all files; return the pairs, and notes.

    tell: called with a line per step. Raises UserError for two patients, for scans that are the
    same or cannot be read, and if nothing can be written.
    """
    files.check_target(asked.out / TABLE)
    times, notes = opened(asked, tell)
    prior, *later = times
    pairs: list[Pair] = []
    for current in later:
        tell(f"compare {prior.uid} and {current.uid}")
        pairs.append(compare.compare(prior, current, asked.gate_mm))
        prior = compare.carried(pairs[-1])
    write(asked.out, pairs, notes)
    return pairs, notes


def opened(asked: FollowUpJob, tell: Callable[[str], object]) -> tuple[list[Time], list[str]]:
    """The scans with lungs and findings, earliest first if all days are known; and notes.

    Raises UserError if only some days are known and contradict the order given, and if no scan has
    a series that is asked for.
    """
    times: list[Time] = []
    notes: list[str] = []
    wanted = [_series_in(source, asked) for source in asked.scans]
    for uid in asked.series:
        if not any(uid in held for held in wanted):
            raise UserError(
                f"--series {uid}: no scan has it. `luna16 convert --list` names their series."
            )
    for i, source in enumerate(asked.scans):
        tell(f"read {escaped(str(source))}")
        time, told = _time(source, asked, asked.days[i] if asked.days else None, wanted[i])
        times.append(time)
        notes += [f"{time.uid}: {note}" for note in told]
    uids = [time.uid for time in times]
    if len(set(uids)) < len(uids):
        raise UserError("A scan is given twice. Name each scan of the patient once.")
    if all(time.day for time in times):
        ordered = sorted(times, key=lambda time: (time.day, uids.index(time.uid)))
        if ordered != times:
            notes.append("the scans were put in the order of their days")
        return ordered, notes
    known = [time.day for time in times if time.day]
    if known != sorted(known):
        told = ", ".join(f"{time.uid}: {time.day or 'unknown'}" for time in times)
        raise UserError(
            f"The scans are not in the order of the days that are known ({told}). Name the "
            "earliest scan first, or the days of all with --dates."
        )
    notes.append("not all days are known, so the scans are taken in the order given")
    return times, notes


def _series_in(source: Path, asked: FollowUpJob) -> tuple[str, ...]:
    """Those of the series asked for that a source holds."""
    held = []
    for uid in asked.series:
        with contextlib.suppress(UserError), reading.opened(source, (uid,)):
            held.append(uid)
    return tuple(held)


def _time(
    source: Path, asked: FollowUpJob, day: date | None, wanted: Sequence[str]
) -> tuple[Time, Sequence[str]]:
    """One scan, read and ready to compare, and notes on it; wanted: UIDs of its series to take."""
    with reading.opened(source, wanted) as found:
        scans = [scan for scan in found if scan.is_ct] or found
        if len(scans) > 1:
            held = ", ".join(scan.name for scan in scans[:3])
            raise UserError(
                f"{escaped(str(source))}: it holds {len(scans)} scans ({held}). Name one of them."
            )
        (scan,) = scans
        read = scan.read()
        first = scan.chosen.first if scan.chosen else None
        study = dicom_study.about(first.path) if first else dicom_study.Study(None, "")
    lungs = lung_search.search(METHOD, read.voxels, read.geometry)
    return (
        Time(
            uid=read.uid,
            hu=read.voxels,
            geometry=read.geometry,
            lungs=lungs.mask,
            spots=tuple(asked.find(read)),
            day=day or study.day,
            kernel=first.kernel if first else "",
            patient="" if asked.same_patient else study.patient,
        ),
        read.notes,
    )


def write(out: Path, pairs: Sequence[Pair], notes: Sequence[str]) -> None:
    """Write the table (CSV, Parquet), the JSON, the figure and the page into a folder."""
    data = table.table_of(pairs, [""] * len(pairs))
    files.write_text(out / TABLE, table.csv_of(data))
    tables.write(out / PARQUET, "follow_up", data)
    files.write_json(out / DETAILS, table.details(pairs, notes, [""] * len(pairs)))
    drawn = growth(data)
    plotting.save(drawn, [out / f"{FIGURE}.svg", out / f"{FIGURE}.png"])
    svg = (out / f"{FIGURE}.svg").read_bytes()
    follow_up_page.page(pairs, notes, svg).write(out / PAGE)
