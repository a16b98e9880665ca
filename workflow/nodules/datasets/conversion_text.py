"""Output of `luna16 convert`: the series of scans, one line per scan, and totals."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from nodules.base.files import UserError
from nodules.base.messages import escaped
from nodules.datasets.conversion import FAILED, LEFT_OUT, WRITTEN, expanded, series_rows
from nodules.datasets.row_tables import Row
from nodules.images import reading
from nodules.images.reading import Found

Lines = list[str]


def listed(sources: Iterable[Path], wanted: Sequence[str] = ()) -> tuple[str, int]:
    """The scans and series of files, folders and zips as text; status 1 if a CT has a problem."""
    lines: Lines = []
    status = 0
    for source in expanded(sources):
        lines.append(escaped(str(source)))
        try:
            with reading.opened(source, wanted) as scans:
                for scan in scans:
                    lines += _scan(scan)
                    status |= int(bool(scan.problem) and scan.is_ct)
        except UserError as error:
            lines.append(f"  {escaped(str(error))}")
            status = 1
    return "".join(f"{text}\n" for text in lines), status


def _scan(scan: Found) -> Lines:
    """The lines of one scan: itself, or each series of its study, the chosen one marked."""
    if not scan.series and scan.problem:
        return [f"  - {escaped(scan.problem)}"]
    if not scan.series:
        return [f"  * {scan.name}  {scan.form}"]
    rows = series_rows(scan.source, [scan])
    lines = [f"  {'*' if row['chosen'] == 'yes' else '-'} {_series(row)}" for row in rows]
    if scan.problem:
        lines.append(f"    {escaped(scan.problem)}")
    return lines


def _series(row: Row) -> str:
    """One line on a series: UID, description, and the reason for or against it."""
    step = f", every {row['step_mm']} mm" if row["step_mm"] else ""
    parts = [row["modality"] or "no modality", row["kernel"], row["description"]]
    size = f"{row['slices']} x {row['rows']} x {row['columns']}{step}"
    return f"{row['series']}  {' '.join(filter(None, parts))}, {size}: {row['reason']}"


def line(row: Row, new: bool) -> str:
    """One line on a scan."""
    if row["status"] == FAILED:
        return row["notes"]
    if row["status"] == LEFT_OUT:
        return f"left out: {row['notes']}"
    size = " x ".join(row[name] for name in ("slices", "rows", "columns"))
    spacing = " x ".join(row[name] for name in ("z_mm", "y_mm", "x_mm"))
    done = WRITTEN if new else "there"
    notes = f" ({row['notes']})" if row["notes"] else ""
    return f"{done}: {row['file']}, {size} voxels of {spacing} mm, from {row['source']}{notes}"


def describe(rows: Sequence[Row]) -> str:
    """Numbers of scans there now, failed and left out."""
    count = Counter(row["status"] for row in rows)
    # Two sources may contain the same scan.
    written = {row["file"] for row in rows if row["status"] == WRITTEN}
    return (
        f"scans in LUNA16's layout: {len(written)}, failed: {count[FAILED]}, "
        f"left out: {count[LEFT_OUT]}\n"
    )
