"""The scan sheet: every scan found, checked before hours of work, and every defect of the input."""

import hashlib
import logging
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from nodules.base import tables
from nodules.base.files import FileDefect, UserError
from nodules.base.messages import escaped, shown
from nodules.datasets import luna16_lists, points_csv
from nodules.datasets.luna16 import label_volume, misfit, misfits, remarks
from nodules.datasets.luna16_lists import Defect, defect
from nodules.datasets.scan import SUBSETS
from nodules.images.foreign import is_uid
from nodules.images.geometry import Geometry
from nodules.images.metaimage import voxel_blocks
from nodules.images.metaimage_header import Header, examine

AIR_HU = -500  # every chest CT holds air, at -1000 HU
LOWEST_HU = -4096  # scanners pad with -2000 to -3024
HIGHEST_HU = 20_000  # metal seldom exceeds 3071; scanners with an extended scale reach some more
INT16 = np.iinfo(np.int16)  # what every later stage reads HU and labels as

log = logging.getLogger("nodules")


@dataclass(frozen=True)
class Checked:
    """The tables `scans`, `defects`, `nodules`, `excluded` and `locations` of a folder."""

    scans: pd.DataFrame
    defects: pd.DataFrame
    nodules: pd.DataFrame
    excluded: pd.DataFrame
    locations: pd.DataFrame


def check_folder(
    folder: str | Path,
    headers: Sequence[str | Path],
    patients: Mapping[str, str],
    threads: int = 1,
    progress: bool = False,
) -> Checked:
    """Check scans (paths of their headers) and LUNA16's lists in `folder`; raises for no defect.

    Headers in the folder that no run may take, which `discovery.found` leaves out, are checked too.
    Reads every voxel: about a second per GB and thread beside the disk's time, 100 MB a thread.
    A scan with a fatal defect has the status `skipped`.
    patients: whose each scan is, by UID (`lidc.patients`); another scan is a patient of its own.
    """
    root, paths = Path(folder), [Path(header) for header in headers]
    paths += [odd.path for odd in misfits(root) if odd.path not in paths]
    found = {path.stem for path in paths if is_uid(path.stem)}
    read = {name: luna16_lists.read_list(root, name, found) for name in luna16_lists.LISTS}
    defects = [d for _, own in read.values() for d in own]
    rows = {name: own for name, (own, _) in read.items()}
    with ThreadPoolExecutor(threads) as pool:
        checked = tqdm(
            pool.map(check_scan, paths),
            "check scans",
            len(paths),
            unit="scan",
            disable=not progress,
        )
        sheet = []
        for row, own in checked:
            sheet.append(row)
            defects += own
    defects += [defect(odd.path, odd.reason, odd.remedy, fatal=False) for odd in remarks(root)]
    defects += _missing(root, paths) + _twice(paths) + _unlisted(root, found)
    defects += _same_voxels(sheet) + _misplaced(root, rows, sheet)
    _complete(sheet, rows["nodules"], defects, patients)
    return Checked(
        tables.frame("scans", sheet),
        tables.frame("defects", defects),
        *(
            luna16_lists.as_table(name, rows[name], found)
            for name in ("nodules", "excluded", "locations")
        ),
    )


def check_scan(header_path: str | Path) -> tuple[dict[str, Any], list[Defect]]:
    """Check one scan: its row of table `scans`, as stored on disk, and its defects.

    Where the header cannot be used the grid is missing, where the voxels cannot, HU and hash.
    """
    path = Path(header_path)
    uid = shown(path.stem)
    row: dict[str, Any] = dict.fromkeys(tables.columns("scans"))
    row |= {"seriesuid": uid, "patient": uid, "subset": _subset(path), "header": escaped(str(path))}
    row |= {"data": "", "labels": "", "status": "ok", "sha256": "", "n_nodules": 0}
    if odd := misfit(path):
        return row, [defect(odd.path, odd.reason, odd.remedy, uid)]
    header, problems = examine(path)
    if header is None:
        return row, [defect(path, p.reason, p.remedy, uid) for p in problems]
    row |= {"data": str(header.data), **header.geometry.to_row()}
    defects = _check_labels(header, row)
    try:
        columns, low, high = _read_voxels(header)
    except FileDefect as error:
        defects.append(defect(error.place, error.reason, error.remedy, uid))
    else:
        row |= columns
        defects += _check_values(header, uid, low, high)
    return row, defects


def _subset(path: Path) -> int:
    """Number of the subset whose folder a header is in, -1 for another folder."""
    return next((k for k in SUBSETS if path.parent.name == f"subset{k}"), -1)


def _read_voxels(header: Header) -> tuple[dict[str, Any], float, float]:
    """Columns bytes, sha256, hu_min and hu_max, and the lowest and highest value, in one pass.

    The columns are empty where a value is no HU: not finite, or beyond 16 bits.
    """
    digest = hashlib.sha256()
    low, high = _range(header, digest.update)
    is_hu = low >= INT16.min and high <= INT16.max  # not a number is neither
    columns = {
        "bytes": header.data.stat().st_size,
        "sha256": digest.hexdigest(),
        "hu_min": math.floor(low) if is_hu else None,
        "hu_max": math.ceil(high) if is_hu else None,
    }
    return columns, low, high


def _range(header: Header, seen: Callable[[bytes], object] | None = None) -> tuple[float, float]:
    """Lowest and highest value of a volume; not a number where one of its values is none."""
    ranges = [(v.min(), v.max()) for v in _values(header, seen)]
    # Not a number stays so through NumPy's minimum and maximum, not through Python's.
    low, high = (np.array(column, np.float64) for column in zip(*ranges, strict=True))
    return float(low.min()), float(high.max())


def _values(header: Header, seen: Callable[[bytes], object] | None) -> Iterator[NDArray]:
    """The voxels of a scan, a few million at a time; blocks need not end at a whole voxel."""
    size, rest = header.element.itemsize, b""
    for block in voxel_blocks(header, seen):
        joined = rest + block if rest else block
        whole = len(joined) // size
        rest = joined[whole * size :]
        if whole:
            yield np.frombuffer(joined, header.element, whole)


def _check_values(header: Header, uid: str, low: float, high: float) -> list[Defect]:
    """Defects of the voxels' type and range; padding is as low as -3024, metal over 3071 HU."""
    told: list[tuple[str, str, bool]] = []
    if header.element.kind == "u" or header.element.itemsize < 2:
        remedy = "Store Hounsfield units as LUNA16 does: MET_SHORT."
        told.append((f"ElementType {header.element.name} cannot hold HU", remedy, True))
    elif not (math.isfinite(low) and math.isfinite(high)):
        told.append(("there are voxels that are not finite", "Replace the file.", True))
    elif low < INT16.min or high > INT16.max:
        reason = f"voxels from {low:g} to {high:g}, more than 16 bits hold, so these are not HU"
        remedy = "Store Hounsfield units as LUNA16 does: MET_SHORT."
        told.append((reason, remedy, True))
    elif low == high:
        told.append((f"all voxels are {low:g}", "Replace the file.", True))
    elif low > AIR_HU:
        remedy = "Store Hounsfield units: apply the rescale slope and intercept."
        told.append((f"no air: the lowest voxel is {low:g}, so these are not HU", remedy, True))
    elif low < LOWEST_HU:
        remedy = "Compare BinaryDataByteOrderMSB and ElementType with how the file was written."
        if high > HIGHEST_HU:
            # Padding alone is only low, metal alone only high; swapped bytes go all the way.
            told.append((f"voxels from {low:g} to {high:g}, so these are not HU", remedy, True))
        else:
            told.append((f"unusually low: the lowest voxel is {low:g} HU", remedy, False))
    return [defect(header.data, reason, remedy, uid, fatal) for reason, remedy, fatal in told]


def _check_labels(header: Header, row: dict[str, Any]) -> list[Defect]:
    """Set `labels` where a label volume lies beside the scan; defects where it does not fit."""
    path = label_volume(header.path)
    if path is None:
        return []
    row["labels"] = str(path)
    labels, problems = examine(path)
    uid, remedy = row["seriesuid"], "Store the labels on the scan's own grid, or remove them."
    if labels is None:
        return [defect(path, p.reason, p.remedy, uid) for p in problems]
    told = []
    if not _same_grid(labels.geometry, header.geometry):
        told.append(defect(path, "the label volume has another grid than its scan", remedy, uid))
    if labels.element.kind == "f":
        told.append(defect(path, "labels are not whole numbers", remedy, uid))
    try:
        low, high = _range(labels)
    except FileDefect as error:
        return [*told, defect(error.place, error.reason, error.remedy, uid)]
    remedy = "Number the nodules from 1 on; 0 is what is none."
    if low < 0:
        told.append(defect(path, f"the label {low:g} is below 0", remedy, uid))
    if high > INT16.max:
        # Stored labels are read as int16, which would make all of these one.
        told.append(defect(path, f"the label {high:g} is above {INT16.max}", remedy, uid))
    if low == high == 0:
        reason = "there is no label in it: the readers' contours count instead"
        remedy = "Nothing to do, unless the scan's nodules should be labelled."
        told.append(defect(path, reason, remedy, uid, fatal=False))
    return told


def _same_grid(one: Geometry, other: Geometry) -> bool:
    """Whether two grids have the same shape and no voxel is 0.01 mm away from its like."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(one.shape) - 1)
    return one.shape == other.shape and bool(
        np.abs(one.to_world(corners) - other.to_world(corners)).max() < 0.01
    )


def _missing(root: Path, paths: Iterable[Path]) -> list[Defect]:
    """One defect, not fatal, that names the subsets without a scan."""
    there = {_subset(path) for path in paths}
    names = [f"subset{k}" for k in SUBSETS if k not in there]
    remedy = "Unpack them to use their scans."
    return [defect(root, f"no scan in {', '.join(names)}", remedy, fatal=False)] if names else []


def _twice(paths: Sequence[Path]) -> list[Defect]:
    """A defect for every header whose UID another one has too."""
    number = Counter(path.stem for path in paths)
    return [
        defect(path, "another subset holds a scan of this UID", "Keep one of them.", path.stem)
        for path in paths
        if number[path.stem] > 1
    ]


def _same_voxels(sheet: Sequence[dict[str, Any]]) -> list[Defect]:
    """A defect for every scan whose voxel file equals that of a scan with another UID."""
    owners: dict[str, set[str]] = {}
    for row in sheet:
        owners.setdefault(row["sha256"], set()).add(row["seriesuid"])
    return [
        defect(
            row["data"],
            f"the same voxels as scan {other}",
            "Restore the right voxel file of each, and check ElementDataFile in the headers.",
            row["seriesuid"],
        )
        for row in sheet
        for other in sorted(owners[row["sha256"]] - {row["seriesuid"]})[:1]
        if row["sha256"]
    ]


def _unlisted(root: Path, found: set[str]) -> list[Defect]:
    """Defects of seriesuids.csv, where there is one, and of the scans that it does not list."""
    path = root / "seriesuids.csv"
    if not os.path.lexists(path):
        return []
    try:
        luna16_lists.require_readable(path)
        listed = set(points_csv.read_scans(path))
    except FileDefect as error:
        return [defect(error.place, error.reason, error.remedy)]
    told = [
        defect(
            path,
            f"scan {uid} is not listed, so its nodules are in no annotations either",
            "Add it to the lists, with its nodules, or remove the scan.",
            uid,
            fatal=False,
        )
        for uid in sorted(found - listed)
    ]
    if listed - found:
        reason = f"{len(listed - found)} of its {len(listed)} scans are not there"
        told.append(defect(path, reason, "Nothing to do, unless they should be used.", fatal=False))
    return told


def _misplaced(
    root: Path, rows: dict[str, pd.DataFrame], sheet: list[dict[str, Any]]
) -> list[Defect]:
    """Defects of the lists against the scans: nodules outside or twice, scans not there."""
    found = [row["seriesuid"] for row in sheet]
    geometries = {row["seriesuid"]: Geometry.from_row(row) for row in sheet if row["shape"]}
    told = luna16_lists.repeated(root / luna16_lists.LISTS["nodules"].file, rows["nodules"])
    for name, source in luna16_lists.LISTS.items():
        path = root / source.file
        told += luna16_lists.outside(path, rows[name], geometries, fatal=name == "nodules")
        told += luna16_lists.absent(path, rows[name], found) + luna16_lists.nameless(
            source, path, rows[name]
        )
    return told


def _complete(
    sheet: list[dict[str, Any]],
    nodules: pd.DataFrame,
    defects: list[Defect],
    patients: Mapping[str, str],
) -> None:
    """Set patient, n_nodules and status of every row of the sheet."""
    counts = nodules["seriesuid"].value_counts()
    bad = {d["seriesuid"] for d in defects if d["fatal"]}
    for row in sheet:
        uid = row["seriesuid"]
        row["patient"] = patients.get(uid, uid)
        row["n_nodules"] = int(counts.get(uid, 0))
        row["status"] = "skipped" if uid in bad else "ok"


def messages(checked: Checked) -> list[str]:
    """One sentence a defect, the fatal ones last, where they are seen."""
    ordered = checked.defects.sort_values("fatal", kind="stable")
    return [
        f"{'error' if d.fatal else 'note'}: {d.file}: {d.reason}. {d.remedy}"
        for d in ordered.itertuples()
    ]


def require_usable(checked: Checked, on_bad_scan: str) -> None:
    """Raise UserError where the input cannot be used: `stop` at any bad scan, `skip` at none left.

    A defect that is fatal to all scans, such as a missing annotations.csv, stops both.
    """
    fatal = checked.defects[checked.defects["fatal"]]
    skipped = int((checked.scans["status"] == "skipped").sum())
    total = len(checked.scans)
    general = fatal[fatal["seriesuid"] == ""]
    if len(general):
        first = general.iloc[0]
        more = f" ({len(general)} such defects, all listed above)" if len(general) > 1 else ""
        raise UserError(f"{first.file}: {first.reason}. {first.remedy}{more}")
    if skipped and on_bad_scan == "stop":
        raise UserError(
            f"{skipped} of {total} scans cannot be used, for {len(fatal)} defects listed above. "
            "Mend them, or set data.on_bad_scan to skip."
        )
    if skipped == total:
        raise UserError(f"None of {total} scans can be used; their defects are listed above.")


def describe(checked: Checked) -> str:
    """What was found, in a few lines: scans by subset, sizes, spacing, nodules."""
    good = checked.scans[checked.scans["status"] == "ok"]
    by_subset = ", ".join(
        f"{k}: {n}" for k, n in checked.scans["subset"].value_counts().sort_index().items()
    )
    lines = [
        f"{len(checked.scans)} scans, {len(checked.scans) - len(good)} of them unusable",
        f"by subset: {by_subset}",
    ]
    if len(good):
        spacing, shape = np.stack(good["spacing"].tolist()), np.stack(good["shape"].tolist())
        lines += [
            f"pixel {spacing[:, :2].min():.3f} to {spacing[:, :2].max():.3f} mm, "
            f"z step {spacing[:, 2].min():.2f} to {spacing[:, 2].max():.2f} mm",
            f"{shape[:, 0].min()} to {shape[:, 0].max()} slices, {shape[:, 0].sum()} in all, "
            f"{good['bytes'].sum() / 1e9:.2f} GB",
            f"{good['n_nodules'].sum()} nodules in {(good['n_nodules'] > 0).sum()} scans",
        ]
    return "\n".join(lines) + "\n"
