"""Conversion of scans of any format to LUNA16's layout, checked and recorded in two tables."""

import contextlib
import filecmp
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nodules.base import files, locks
from nodules.base.files import UserError
from nodules.base.messages import escaped
from nodules.datasets import check, row_tables
from nodules.datasets.luna16 import beside
from nodules.datasets.luna16_lists import LISTS
from nodules.datasets.row_tables import Row
from nodules.datasets.scan import SUBSETS
from nodules.images import reading, source_files
from nodules.images.dicom_series import Series
from nodules.images.metaimage_writing import write_volume
from nodules.images.reading import Found, Reading

SCANS, SERIES = "converted.csv", "series.csv"
SCAN_COLUMNS = (
    *("source", "name", "status", "seriesuid", "file", "form", "slices", "rows", "columns"),
    *("x_mm", "y_mm", "z_mm", "hu_min", "hu_max", "notes", "stamp"),
)
SERIES_COLUMNS = (
    *("source", "series", "chosen", "reason", "modality", "description", "kernel", "slices"),
    *("rows", "columns", "pixel_mm", "step_mm", "thickness_mm"),
)
WRITTEN, FAILED, LEFT_OUT = "written", "failed", "left out"
UNFINISHED = ".converting"  # folder in which scans are written and checked first


@dataclass(frozen=True)
class Job:
    """Where and how `convert` writes scans.

    subset:  0 to 9: all scans are written, or moved, there. None: scans stay where they are, and
             new ones go to subset 0.
    wanted:  UIDs of the DICOM series to take instead of the best ones.
    further: a further check of each scan, such as whether its lungs are found.
    """

    out: Path
    subset: int | None = None
    wanted: tuple[str, ...] = ()
    further: check.Further | None = None

    @property
    def unfinished(self) -> Path:
        """The folder in which scans are written and checked before they are moved into place."""
        return self.out / UNFINISHED


class UnusableScan(Exception):
    """Refusal of a scan: a fatal defect by `luna16 check`, or another scan with its UID exists."""


def convert(sources: Iterable[Path], job: Job, tell: Callable[[Row, bool], object]) -> list[Row]:
    """Write the scans of files, folders and zips as `out/subset<k>/<uid>.mhd` and `.raw`.

    Every scan found becomes a row of `out/converted.csv`, every DICOM series one of
    `out/series.csv`; rows of earlier calls stay. A scan already written from the same, unchanged
    files is left as it is; one that cannot be read becomes a row with the reason, and the next one
    follows. tell: called with each row as soon as it is known, and whether it is new. Returns the
    rows of these sources. Raises UserError if nothing can be written, or another process is writing
    to `out`.
    """
    sources = list(sources)
    for source in sources:
        if source.is_dir() and job.out.resolve().is_relative_to(source.resolve()):
            raise UserError(
                f"{escaped(str(job.out))}: it lies within {escaped(str(source))}, which is read. "
                "Name a folder outside."
            )
    row_tables.require_own(job.out / SCANS, SCAN_COLUMNS)
    rows = []
    with locks.alone(job.out):
        shutil.rmtree(job.unfinished, ignore_errors=True)  # of a run that was killed
        try:
            for source in distinct(expanded(sources)):
                for row, new in _of_source(source, job):
                    rows.append(row)
                    row_tables.keep(job.out / SCANS, SCAN_COLUMNS, [row])
                    tell(row, new)
        finally:
            shutil.rmtree(job.unfinished, ignore_errors=True)
    return rows


def _of_source(source: Path, job: Job) -> Iterator[tuple[Row, bool]]:
    """Yield a row for each scan of a source, and whether anything was done for it."""
    place = str(source)
    table = [row for row in read_table(job.out / SCANS) if row["source"] == place]
    old = {row["name"]: row for row in table}
    with contextlib.ExitStack() as stack:
        try:
            scans = stack.enter_context(reading.opened(source, job.wanted))
        except UserError as error:
            yield _row(place, source.name, FAILED, notes=str(error)), True
            return
        row_tables.keep(job.out / SERIES, SERIES_COLUMNS, series_rows(place, scans))
        unfinished = [row for row in table if row["status"] != WRITTEN]
        row_tables.forget(job.out / SCANS, SCAN_COLUMNS, unfinished)
        for scan in scans:
            yield _row_of(scan, place, old.get(scan.name), job)


def expanded(sources: Iterable[Path]) -> Iterator[Path]:
    """Each source and each zip below a folder, but not a folder that contains only zips.

    A folder with others that may not be listed is a source, which tells of them.
    """
    for source in sources:
        closed: list[OSError] = []
        walked = source_files.walk(source, closed.append)
        inside = [Path(place, n) for place, _, names in walked for n in names]
        zips = sorted(path for path in inside if source_files.is_zip(path))
        if len(zips) < len(inside) or not zips or closed:
            yield source
        yield from zips


def distinct(sources: Iterable[Path]) -> list[Path]:
    """Absolute paths, each place once, however often and through whichever links it is named."""
    places: dict[Path, Path] = {}
    for source in sources:
        places.setdefault(source.resolve(), source.absolute())
    return list(places.values())


def write_empty_lists(out: Path) -> list[Path]:
    """Write the lists that a run requires, with only their header, where they are missing."""
    written = []
    for source in LISTS.values():
        path = out / source.file
        if source.required and not os.path.lexists(path):
            files.write_text(path, f"seriesuid,coordX,coordY,coordZ,{source.value}\n")
            written.append(path)
    return written


def series_rows(source: str, scans: Iterable[Found]) -> list[Row]:
    """Rows of the table of series: what each is, and why it was chosen or not."""
    return [
        _series_row(source, series, reason, series is scan.chosen)
        for scan in scans
        for series, reason in scan.series
    ]


def _series_row(source: str, series: Series, reason: str, chosen: bool) -> Row:
    first = series.first
    rows, columns = first.shape
    numbers = {
        "pixel_mm": None if first.spacing is None else first.spacing[1],
        "step_mm": series.step,
        "thickness_mm": first.thickness,
    }
    return {
        "source": source,
        "series": series.name,
        "chosen": "yes" if chosen else "no",
        "reason": reason,
        "modality": first.modality,
        "description": escaped(first.description),
        "kernel": escaped(first.kernel),
        "slices": str(len(series.frames)),
        "rows": str(rows),
        "columns": str(columns),
        **{name: _shown(value) for name, value in numbers.items()},
    }


def _row_of(scan: Found, place: str, earlier: Row | None, job: Job) -> tuple[Row, bool]:
    """As `_converted`, and a defect of ours fails this scan alone."""
    try:
        return _converted(scan, place, earlier, job)
    except (UserError, OSError):
        raise  # from the output folder, where every other scan would fail too
    except Exception as error:
        return _row(place, scan.name, FAILED, notes=unexpected(place, error)), True


def unexpected(place: str, error: Exception) -> str:
    """The note on a scan that failed for a defect of ours."""
    told = f"{type(error).__name__}: {str(error)[:200]}"
    return f"{place}: failed unexpectedly ({told}). Please report it."


def _converted(scan: Found, place: str, earlier: Row | None, job: Job) -> tuple[Row, bool]:
    """The row of one scan, and whether anything was done for it."""
    stamp = stamp_of(scan, Path(place))
    if earlier and (earlier["status"], earlier["stamp"]) == (WRITTEN, stamp):
        there = job.out / earlier["file"]
        if there.is_file() and there.with_suffix(".raw").is_file():
            header = _moved(there, job)
            return {**earlier, "file": str(header.relative_to(job.out))}, header != there
    if not scan.is_ct:
        return _row(place, scan.name, LEFT_OUT, notes=scan.problem), True
    try:
        found = scan.read()
    except UserError as error:
        return _row(place, scan.name, FAILED, notes=str(error)), True
    try:
        header, notes = _written(found, earlier, job)
    except UnusableScan as error:
        return _row(place, scan.name, FAILED, found.uid, notes=f"{place}: {error}"), True
    if earlier and earlier["file"] and earlier["seriesuid"] != found.uid:
        notes = [*notes, f"{earlier['file']}, of the file as it was before, is still there"]
    x, y, z = (f"{value:.6g}" for value in found.geometry.spacing)
    slices, rows, columns = (str(n) for n in found.geometry.shape)
    known = {
        **{"file": str(header.relative_to(job.out)), "form": found.form, "stamp": stamp},
        **{"slices": slices, "rows": rows, "columns": columns},
        **{"x_mm": x, "y_mm": y, "z_mm": z},
        **{"hu_min": str(found.voxels.min()), "hu_max": str(found.voxels.max())},
        "notes": "; ".join([*found.notes, *notes]),
    }
    return _row(place, scan.name, WRITTEN, found.uid, **known), True


def _written(found: Reading, earlier: Row | None, job: Job) -> tuple[Path, list[str]]:
    """Write a scan, check it and move it into place; return its header and the check's notes.

    Raises UnusableScan if the check refuses it, or another scan with this UID is there.
    """
    draft = job.unfinished / f"{found.uid}.mhd"
    write_volume(draft, draft.with_suffix(".raw"), found.voxels, found.geometry)
    defects = check.check_scan(draft, further=job.further).defects
    fatal = [d for d in defects if d["fatal"]]
    if fatal:
        raise UnusableScan(f"{fatal[0]['reason']}. {fatal[0]['remedy']}")
    notes = [str(d["reason"]) for d in defects]
    own = (job.out / f"subset{k}" / draft.name for k in SUBSETS)
    there = next((path for path in own if os.path.lexists(path)), None)
    if there is not None and not _is_own(there, earlier, job):
        if _same(draft, there):
            return _moved(there, job), [*notes, "the same scan was there before"]
        raise UnusableScan(
            f"another scan of the UID {found.uid} is at {there}. Remove the wrong one of the two."
        )
    if there is not None:
        there.unlink()  # so that the old header never describes new voxels
    home = job.out / f"subset{job.subset or 0}" / draft.name
    header = there if there is not None and job.subset is None else home
    header.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".raw", ".mhd"):  # the header last: it makes the scan visible
        draft.with_suffix(suffix).replace(header.with_suffix(suffix))
    if there is not None and there != header:
        there.with_suffix(".raw").unlink(missing_ok=True)
    return header, notes


def _is_own(there: Path, earlier: Row | None, job: Job) -> bool:
    """True if converted.csv names this header for the scan of an earlier row and for no other."""
    rows = [row for row in read_table(job.out / SCANS) if row["status"] == WRITTEN]
    makers = {(row["source"], row["name"]) for row in rows if job.out / row["file"] == there}
    return earlier is not None and makers == {(earlier["source"], earlier["name"])}


def _moved(there: Path, job: Job) -> Path:
    """Move a scan to the subset asked for, if it lies elsewhere; return its header."""
    header = job.out / f"subset{job.subset}" / there.name
    if job.subset is None or header == there:
        return there
    header.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".raw", ".mhd"):  # the header last: where it is, the scan is complete
        there.with_suffix(suffix).replace(header.with_suffix(suffix))
    return header


def _same(draft: Path, there: Path) -> bool:
    """Whether two scans have equal headers and voxel files."""
    pairs = ((draft, there), (draft.with_suffix(".raw"), there.with_suffix(".raw")))
    return all(b.is_file() and filecmp.cmp(a, b, shallow=False) for a, b in pairs)


def stamp_of(scan: Found, source: Path) -> str:
    """A short hash that changes when a file from which a scan is read changes."""
    paths = [source] if source.is_file() else list(scan.files)
    paths += [file for path in paths for file in beside(path)]
    digest = hashlib.sha256(scan.name.encode())
    for path in sorted(set(paths)):
        try:
            known = path.stat()
        except OSError:
            continue  # reading the scan will report a missing file
        digest.update(f"{path} {known.st_size} {known.st_mtime_ns}\n".encode(errors="replace"))
    return digest.hexdigest()[:16]


def _row(place: str, name: str, status: str, uid: str = "", **known: str) -> Row:
    """A row of the table of scans; what is not given is empty."""
    row = dict.fromkeys(SCAN_COLUMNS, "")
    row |= {"source": place, "name": name, "status": status, "seriesuid": uid}
    return row | {key: escaped(value) for key, value in known.items()}


def _shown(value: float | None) -> str:
    """A number as text for a table; empty for None and NaN."""
    return "" if value is None or value != value else f"{value:.6g}"


def read_table(path: Path) -> list[Row]:
    """The rows of one of the two tables; none if it is missing or lacks columns."""
    return row_tables.read(path, SCAN_COLUMNS if path.name == SCANS else SERIES_COLUMNS)
