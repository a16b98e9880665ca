"""Writing the files of scans' findings: one folder per scan, complete or absent."""

import contextlib
import csv
import hashlib
import io
import logging
import math
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.base import files, locks
from nodules.base.files import UserError
from nodules.base.messages import escaped
from nodules.datasets import conversion, row_tables
from nodules.datasets.luna16 import LABEL_SUFFIXES
from nodules.datasets.row_tables import Row
from nodules.datasets.scan import LUNG_MASKS
from nodules.findings.found import COLUMNS, Findings
from nodules.images import label_map, reading
from nodules.images.dicom_series import Series
from nodules.images.reading import Found, Reading
from nodules.report.pages import findings as findings_page

FORMAT = 1
TABLE, DETAILS, LABELS, PAGE = "findings.csv", "findings.json", "findings.nii.gz", "report.html"
SEGMENTATION, REPORT = "findings.seg.dcm", "findings.sr.dcm"
OURS = (TABLE, DETAILS, LABELS, PAGE, SEGMENTATION, REPORT, "reader.html")
SCANS = "predicted.csv"
SCAN_COLUMNS = (
    *("source", "name", "place", "status", "seriesuid", "folder", "reported", "candidates"),
    *("headline", "notes", "stamp"),
)
DONE, FAILED, LEFT_OUT = "done", "failed", "left out"
UNFINISHED = ".predicting"  # the folder in which a scan's files are written first
EARLIER = ".earlier"  # in it, folders of earlier findings that are being replaced

Tell = Callable[[str, float], object]


@dataclass(frozen=True)
class Job:
    """Where `deliver` writes findings, and the model that makes them.

    predict: returns the findings of a scan; its second argument is called with the progress.
    model:   text that changes with the model. wanted: UIDs of DICOM series to take.
    """

    out: Path
    predict: Callable[[Reading, Tell], Findings]
    model: str
    wanted: tuple[str, ...] = ()

    @property
    def unfinished(self) -> Path:
        """The folder in which a scan's files are written before they are moved into place."""
        return self.out / UNFINISHED


@dataclass(frozen=True)
class Listener:
    """Callbacks for each scan: its name at the start, its progress, its row and whether new."""

    begun: Callable[[str], object] = lambda name: None
    far: Tell = lambda step, share: None
    ended: Callable[[Row, bool], object] = lambda row, new: None


def deliver(sources: Iterable[Path], job: Job, listener: Listener = Listener()) -> list[Row]:
    """Write the findings of all scans in files, folders and zips, each into `out/<uid>`.

    Every scan is a row of `out/predicted.csv`; rows of earlier calls stay. Findings that the same
    model made from the same files before are kept. A scan that cannot be read gets a row with the
    reason, and the next scan follows. Returns the rows of these sources. Raises UserError if
    nothing can be written, or another process is writing to `out`.
    """
    sources = list(sources)
    for source in sources:
        if source.is_dir() and job.out.resolve().is_relative_to(source.resolve()):
            raise UserError(
                f"{escaped(str(job.out))}: it lies within {escaped(str(source))}, which is read. "
                "Name a folder outside."
            )
    files.check_target(job.out / SCANS)
    row_tables.require_own(job.out / SCANS, SCAN_COLUMNS)
    rows = []
    with locks.alone(job.out):
        _clear(job)  # left by a run that was killed
        try:
            for source in conversion.distinct(conversion.expanded(sources)):
                for row, new in _of_source(source, job, listener):
                    rows.append(row)
                    row_tables.keep(job.out / SCANS, SCAN_COLUMNS, [row])
                    listener.ended(row, new)
        finally:
            _clear(job)
    return rows


def _clear(job: Job) -> None:
    """Remove unfinished files, and put back folders whose replacement was not completed."""
    for earlier in (job.unfinished / EARLIER).glob("*"):
        if not (job.out / earlier.name).exists():
            earlier.replace(job.out / earlier.name)
    shutil.rmtree(job.unfinished, ignore_errors=True)


def write(
    folder: Path, findings: Findings, voxels: NDArray[np.int16], series: Series | None = None
) -> list[str]:
    """Write all files of a scan's findings into a folder; return notes on those left out.

    voxels: the scan's HU (z, y, x) on the findings' native grid. series: if the scan is DICOM.
    """
    files.write_text(folder / TABLE, table(findings))
    told = _dicom(folder, findings, series) if series is not None else []
    files.write_json(folder / DETAILS, details(findings, told))
    labels = label_map.in_stored_order(findings.labels(), findings.stored)
    label_map.write(folder / LABELS, labels, findings.stored)
    findings_page.page(findings, voxels).write(folder / PAGE)
    return told


def single(
    source: Path, folder: Path, find: Callable[[Reading], Findings], wanted: Sequence[str] = ()
) -> tuple[Findings, list[str]]:
    """Write the findings of a source's only scan; return them and the notes of `write`.

    wanted: UID of the DICOM series to take. Raises UserError if there is no scan or more than one.
    """
    with reading.opened(source, wanted) as found:
        scans = [scan for scan in found if scan.is_ct] or found
        if len(scans) > 1:
            held = ", ".join(scan.name for scan in scans[:3])
            raise UserError(
                f"{escaped(str(source))}: it holds {len(scans)} scans ({held}). Name one of them, "
                "or its series."
            )
        read = scans[0].read()
        findings = find(read)
        return findings, write(folder, findings, read.voxels, scans[0].chosen)


def table(findings: Findings) -> str:
    """Content of findings.csv: a row per finding, LUNA16's columns first, then other COLUMNS."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(findings.rows)
    return text.getvalue()


def details(findings: Findings, notes: Sequence[str] = ()) -> dict:
    """Content of findings.json: the same numbers, the scan, and the model's whole manifest."""
    return {
        "format": FORMAT,
        "seriesuid": findings.uid,
        "source": escaped(findings.source),
        "form": findings.form,
        "headline": findings.headline(),
        "lungs": findings.lungs,
        "notes": [*findings.notes, *notes],
        "threshold": findings.threshold,
        "grid": findings.stored.to_row(),
        "findings": findings.rows,
        "columns": COLUMNS,
        "model": findings.model,
    }


def _dicom(folder: Path, findings: Findings, series: Series) -> list[str]:
    """Write DICOM SEG and SR; return a note if the scan's headers do not allow them."""
    from nodules.findings import dicom_seg, dicom_sources, dicom_sr

    logging.getLogger("highdicom").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they may quote a patient's name, which no log needs
        try:
            sources = dicom_sources.read(series)
            seg = dicom_seg.segmentation(findings, sources)
            made = {SEGMENTATION: seg, REPORT: dicom_sr.report(findings, sources, seg)}
        except UserError as error:
            return [str(error).rstrip(".")]
        except Exception as error:  # highdicom raises many types for headers that it rejects
            reason = (str(error) or type(error).__name__).splitlines()[0][:120].rstrip(".")
            return [f"no DICOM could be written, since its headers are odd ({reason})"]
    for name, dataset in made.items():
        if dataset is not None:
            with files.atomic(folder / name) as temporary:
                dataset.save_as(temporary)
    return []


def _of_source(source: Path, job: Job, listener: Listener) -> Iterator[tuple[Row, bool]]:
    """Yield a row for each scan of a source, and whether it is new."""
    place = str(source)
    known = [r for r in row_tables.read(job.out / SCANS, SCAN_COLUMNS) if r["source"] == place]
    with contextlib.ExitStack() as stack:
        try:
            scans = stack.enter_context(reading.opened(source, job.wanted))
        except UserError as error:
            yield _row(place, source.name, FAILED, notes=str(error)), True
            return
        unfinished = [row for row in known if row["status"] != DONE]
        row_tables.forget(job.out / SCANS, SCAN_COLUMNS, unfinished)
        by_name = {row["name"]: row for row in known}
        others = [_other(scan) for scan in scans]
        for scan, told in zip(scans, others, strict=True):
            listener.begun(scan.name)
            if not told:
                yield _one(scan, place, by_name.get(scan.name), job, listener.far)
                continue
            # Beside a CT it is merely left out; without one, what was asked for has failed.
            status, own = FAILED if all(others) else LEFT_OUT, scan.place or scan.source
            yield _row(place, scan.name, status, place=own, notes=f"{own}: {told}"), True


def _other(scan: Found) -> str:
    """Why something cannot have findings, such as X-rays or a mask; "" for a CT."""
    if not scan.is_ct:
        return scan.problem
    path = Path(scan.source)
    if path.name == LABELS and path.with_name(DETAILS).is_file():
        return "it is the label map of earlier findings, and no scan."
    if is_mask(scan):
        return "it is a mask, as LUNA16's layout names them, and no scan. Name the scan."
    return ""


def is_mask(scan: Found) -> bool:
    """Whether a file is a mask by LUNA16's naming: of a scan beside it, or of lungs."""
    path = Path(scan.source)
    named = (path.with_name(f"{path.stem.removesuffix(end)}.mhd") for end in LABEL_SUFFIXES)
    beside = path.suffix == ".mhd" and any(own != path and own.is_file() for own in named)
    return beside or LUNG_MASKS in path.parts


def _one(scan: Found, place: str, earlier: Row | None, job: Job, far: Tell) -> tuple[Row, bool]:
    """The row of one scan, and whether it is new."""
    both = f"{conversion.stamp_of(scan, Path(place))} {job.model}"
    stamp = hashlib.sha256(both.encode()).hexdigest()[:16]
    unchanged = earlier is not None and (earlier["status"], earlier["stamp"]) == (DONE, stamp)
    if earlier and unchanged and (job.out / earlier["folder"] / DETAILS).is_file():
        return earlier, False
    told = {"place": scan.place or scan.source}
    try:
        far("read", 0.0)
        read = scan.read()
        told["seriesuid"] = read.uid
        findings = job.predict(read, far)
        far("write", 0.0)
        notes = _put(scan, earlier, findings, read, job)
    except UserError as error:
        return _row(place, scan.name, FAILED, **told, notes=_failed(str(error), earlier, job)), True
    except OSError:
        raise  # from the output folder, where every other scan would fail too
    except Exception as error:  # a defect of ours: report it, and do the other scans
        reason = _failed(conversion.unexpected(place, error), earlier, job)
        return _row(place, scan.name, FAILED, **told, notes=reason), True
    known = {
        **{"folder": read.uid, "stamp": stamp, "headline": findings.headline()},
        **{"reported": str(len(findings.reported)), "candidates": str(len(findings))},
        "notes": "; ".join([*findings.notes, *notes]),
    }
    return _row(place, scan.name, DONE, **told, **known), True


def _failed(reason: str, earlier: Row | None, job: Job) -> str:
    """Why a scan failed, with a note if findings of an earlier run are still there."""
    if not earlier or not earlier["folder"] or not (job.out / earlier["folder"]).is_dir():
        return reason
    return f"{reason} Findings of an earlier time are still in {job.out / earlier['folder']}."


def _put(
    scan: Found, earlier: Row | None, findings: Findings, read: Reading, job: Job
) -> list[str]:
    """Put a scan's files in place; return notes on those left out or already there.

    The folder's own findings.json says which scan it belongs to, since a run may be killed after
    writing the folder and before its row. Raises UserError if the folder holds another scan's
    findings, or anything else.
    """
    folder, place = job.out / read.uid, escaped(read.source)
    held = _details_in(folder)
    there = held.get("source")
    known = there is None and earlier is not None and earlier["folder"] == read.uid
    own = there == place and not _is_of_another(scan.name, read.uid, place, job)
    if known or own or not os.path.lexists(folder):
        return _placed(folder, findings, read, scan.chosen, job)
    told = "holds no findings"
    if there is not None:
        if _same(held, findings):
            return [f"the same scan is at {there}, and its findings are the same"]
        told = f"holds findings of another scan of this UID, {there}"
    raise UserError(f"{place}: the folder {folder} {told}. Name another --out, or remove it.")


def _is_of_another(name: str, uid: str, place: str, job: Job) -> bool:
    """Whether a UID's folder holds another scan of the same place, such as another study."""
    rows = row_tables.read(job.out / SCANS, SCAN_COLUMNS)
    return any(r["folder"] == uid and r["place"] == place and r["name"] != name for r in rows)


def _details_in(folder: Path) -> dict[str, Any]:
    """Content of a folder's findings.json; empty if it is missing or not valid."""
    try:
        details = files.read_json(folder / DETAILS)
    except (OSError, ValueError):
        return {}
    return details if isinstance(details, dict) else {}


def _same(held: Mapping[str, Any], findings: Findings) -> bool:
    """Whether findings.json has the same lungs and findings, up to rounding (see `_alike`)."""
    rows = held.get("findings")
    if held.get("lungs") != findings.lungs or not isinstance(rows, list):
        return False
    return len(rows) == len(findings) and all(
        _alike(row.get(name), value)
        for row, own in zip(rows, findings.rows, strict=True)
        for name, value in own.items()
    )


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-3)
    return bool(one == other)


def _placed(
    folder: Path, findings: Findings, read: Reading, series: Series | None, job: Job
) -> list[str]:
    """Write a scan's files to a draft folder and rename it into place; return notes of `write`.

    Files that others put into an earlier folder, such as a reader's verdicts, are kept.
    """
    draft, old = job.unfinished / folder.name, job.unfinished / EARLIER / folder.name
    draft.mkdir(parents=True, exist_ok=True)
    old.parent.mkdir(exist_ok=True)
    notes = write(draft, findings, read.voxels, series)
    if folder.is_dir():
        for path in (p for p in folder.iterdir() if p.name not in OURS):
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            copy(path, draft / path.name)
        folder.replace(old)
    draft.replace(folder)
    shutil.rmtree(old, ignore_errors=True)
    return notes


def _row(source: str, name: str, status: str, **known: str) -> Row:
    """A row of predicted.csv; unknown columns are empty."""
    row = dict.fromkeys(SCAN_COLUMNS, "")
    row |= {"source": source, "name": name, "status": status}
    return row | {key: escaped(value) for key, value in known.items()}
