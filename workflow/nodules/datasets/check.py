"""The scan sheet: every scan found, checked before hours of work, and every defect of the input."""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from nodules.base import tables
from nodules.base.files import FileDefect, UserError
from nodules.base.messages import escaped, shown
from nodules.datasets import (
    duplicates,
    hounsfield,
    layout,
    luna16,
    luna16_lists,
    patients,
    points_csv,
)
from nodules.datasets.hounsfield import LOWEST, Verdict
from nodules.datasets.label_check import check_labels
from nodules.datasets.luna16_lists import LISTS, Defect, defect
from nodules.datasets.lung_mask_check import Masks, check_mask
from nodules.datasets.scan import SUBSETS
from nodules.datasets.voxels import Identity, Thinned, Voxels, survey
from nodules.images.foreign import is_uid
from nodules.images.geometry import Geometry
from nodules.images.metaimage_header import Header, examine

AIR_HU = -500  # every chest CT holds air, at -1000 HU
LOWEST_HU = -4096  # scanners pad with -2000 to -3024 HU
HIGHEST_HU = 20_000  # metal seldom exceeds 3071; scanners with an extended scale go higher
MASKED = 0.1  # share of 0 in slices with lungs if all else was set to 0; in a CT, about 0.01
MOST_TOLD = 20  # defects of one file that are printed in full
SHORT = "Store Hounsfield units as LUNA16 does: MET_SHORT."

# Verdicts on a thinned scan (z, y, x) that lies nearest to LPS, such as "no lung was found".
Further = Callable[[NDArray[np.int16], Geometry], Iterable[Verdict]]
THINNED_MM = (4.0, 1.6, 1.6)  # z, y, x as stored: largest distance between the voxels kept


class Scanned(NamedTuple):
    """One scan's row of table `scans`, its defects, and its voxels' identity."""

    row: dict[str, Any]
    defects: list[Defect]
    identity: Identity | None = None


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
    of_lidc: Mapping[str, str] | None,
    threads: int = 1,
    progress: bool = False,
    further: Further | None = None,
    masks: Masks | None = None,
) -> Checked:
    """Check scans (paths of their headers) and LUNA16's lists in `folder`; raises for no defect.

    Also checks headers in the folder that no run may take, which `luna16.found` leaves out. Reads
    every voxel once: about four seconds per GB and thread beside the disk's time, and 200 MB per
    thread. A scan with a fatal defect gets the status `skipped`.
    of_lidc: LIDC-IDRI's patients by series UID (`lidc.patients`); None if LIDC is not available.
    further: a further check of every scan that can be read, such as whether its lungs are found.
    masks: the folder of lung masks, if they are used.
    """
    root, paths = Path(folder), [Path(header) for header in headers]
    paths += [odd.path for odd in luna16.misfits(root) if odd.path not in paths]
    found = {path.stem for path in paths if is_uid(path.stem)}
    files = luna16.list_files(root)
    read = {name: luna16_lists.read_list(root, name, found) for name in LISTS}
    defects = [d for _, own in read.values() for d in own]
    rows = {name: own for name, (own, _) in read.items()}
    nodules = luna16_lists.as_table("nodules", rows["nodules"], found)

    of_scan = dict(iter(nodules.groupby("seriesuid")))

    def check(path: Path) -> Scanned:
        return check_scan(path, of_scan.get(path.stem, nodules.iloc[:0]), further, masks)

    with ThreadPoolExecutor(threads) as pool:
        checked = list(
            tqdm(
                pool.map(check, paths),
                "check scans",
                len(paths),
                unit="scan",
                disable=not progress,
            )
        )
    sheet = [one.row for one in checked]
    defects += [d for one in checked for d in one.defects]
    defects += [
        defect(odd.path, odd.reason, odd.remedy, odd.uid, fatal=bool(odd.uid))
        for odd in luna16.remarks(root)
    ]
    defects += _missing(root, paths) + duplicates.same_uid(paths)
    defects += duplicates.same_voxels(sheet, {o.row["header"]: o.identity for o in checked})
    defects += _misplaced(files, rows, sheet) + _unnamed(files, rows, found)
    defects += _give_patients(files[patients.FILE], sheet, found, of_lidc)
    _complete(sheet, rows["nodules"], defects)
    return Checked(
        tables.frame("scans", sheet),
        tables.frame("defects", defects),
        nodules,
        *(luna16_lists.as_table(name, rows[name], found) for name in ("excluded", "locations")),
    )


def check_scan(
    header_path: str | Path,
    nodules: pd.DataFrame | None = None,
    further: Further | None = None,
    masks: Masks | None = None,
) -> Scanned:
    """Check one scan: its row of table `scans`, as stored on disk, and its defects.

    The row lacks the grid if the header cannot be used, and HU and hash if the voxels cannot.
    nodules: the annotated nodules, which a label volume beside the scan should fit.
    """
    path = Path(header_path)
    uid = shown(path.stem)
    row: dict[str, Any] = dict.fromkeys(tables.columns("scans"))
    row |= {"seriesuid": uid, "patient": uid, "header": escaped(str(path)), "data": ""}
    row |= {"subset": layout.subset_of(path), "labels": "", "status": "ok", "sha256": ""}
    row["n_nodules"] = 0
    if odd := luna16.misfit(path):
        return Scanned(row, [defect(odd.path, odd.reason, odd.remedy, uid)])
    header, problems = examine(path)
    if header is None:
        return Scanned(row, [defect(path, p.reason, p.remedy, uid) for p in problems])
    row |= {"data": escaped(str(header.data)), **header.geometry.to_row()}
    defects = [defect(path, t.reason, t.remedy, uid, t.fatal) for t in judge_grid(header)]
    if labels := luna16.label_volume(path):
        row["labels"] = escaped(str(labels))
        defects += check_labels(labels, header.geometry, uid, nodules)
    if masks:
        defects += check_mask(masks, uid, header.geometry)
    try:
        thinned = Thinned(header.geometry, THINNED_MM) if further else None
        voxels = survey(header, thinned)
    except FileDefect as error:
        return Scanned(row, [*defects, defect(error.place, error.reason, error.remedy, uid)])
    row |= {"bytes": header.data.stat().st_size, **voxels.columns()}
    defects += [
        defect(header.data, told.reason, told.remedy, uid, told.fatal)
        for told in judge_values(header, voxels)
    ]
    if further and thinned and not any(d["fatal"] for d in defects):
        told = further(*thinned.volume())
        defects += [defect(path, t.reason, t.remedy, uid, t.fatal) for t in told]
    return Scanned(row, defects, voxels.identity)


def judge_grid(header: Header) -> list[Verdict]:
    """Note on a grid that looks as if the header was lost or the order of its axes mixed up."""
    spacing = header.spacing
    if (spacing == 1).all() and (header.origin == 0).all():
        reason = "ElementSpacing = 1 1 1 and Offset = 0 0 0, as where a scan's header was lost"
        remedy = "Compare the spacing with the scan's own; nothing to do where it was resampled so."
        return [Verdict(reason, remedy, False)]
    # A CT's pixels are square; the grid axis nearest to world z runs across the slices.
    across = int(np.abs(header.direction[2]).argmax())
    one, other = np.delete(spacing, across)
    if one != other and spacing[across] in (one, other):
        numbers = " ".join(f"{number:g}" for number in spacing)
        reason = f"ElementSpacing = {numbers}: pixels that are not square, and slices as far apart"
        remedy = "Write it in the order x, y, z, if it is z, y, x, as arrays have it."
        return [Verdict(reason, remedy, False)]
    return []


def judge_values(header: Header, voxels: Voxels) -> list[Verdict]:
    """At most one verdict on the voxels' data type, range and distribution; a fatal one first."""
    low, high = voxels.low, voxels.high
    if not (math.isfinite(low) and math.isfinite(high)):
        return [Verdict("there are voxels that are not finite", "Replace the file.", True)]
    if low == high:
        return [Verdict(f"all voxels are {low:g}", "Replace the file.", True)]
    if span := hounsfield.of_range(low, high):
        return [span]
    if header.element.kind == "u" or header.element.itemsize < 2:
        look = hounsfield.of_unsigned(voxels.counts) if header.element.itemsize == 2 else ""
        reason = f"ElementType {header.element.name} cannot hold HU{look and ': ' + look}"
        return [Verdict(reason, SHORT, True)]
    if not voxels.is_int16:
        reason = f"voxels from {low:g} to {high:g}, more than 16 bits hold, so these are not HU"
        return [Verdict(reason, SHORT, True)]
    found = hounsfield.judge(voxels.counts)
    if found is not None and found.fatal:
        return [found]
    told = (_planes(voxels), _range(low, high), found)
    fatal_first = sorted((v for v in told if v is not None), key=lambda v: not v.fatal)
    return fatal_first[:1]


def _planes(voxels: Voxels) -> Verdict | None:
    """Verdict on slices that are 0 throughout or repeat the one before; None if there are none.

    A scan in which all but the lungs was set to 0 has such slices too, and is not refused: its
    other slices also contain many zeros.
    """
    planes = voxels.planes
    others = (planes.total - planes.empty) * planes.size
    zeros = voxels.counts[-LOWEST] - planes.empty * planes.size
    if planes.empty and zeros < MASKED * others:
        reason = f"{planes.empty} of {planes.total} slices are 0 throughout, as where a copy ended"
        remedy = "Copy the file again; where the scan was padded, store air, -1000 HU, and not 0."
        return Verdict(reason, remedy, True)
    if planes.again:
        reason = f"{planes.again} of {planes.total} slices have the voxels of the one before"
        remedy = "Look whether slices were converted twice: all behind them would lie too high."
        return Verdict(reason, remedy, False)
    return None


def _range(low: float, high: float) -> Verdict | None:
    """Verdict on the lowest and highest value; padding is as low as -3024 HU, metal is high."""
    if low > AIR_HU:
        reason = f"no air: the lowest voxel is {low:g}, so these are not HU"
        return Verdict(reason, hounsfield.RESCALE, True)
    if low >= LOWEST_HU:
        return None
    remedy = (
        "Compare the header with how the file was written: byte order and voxel type "
        "(BinaryDataByteOrderMSB and ElementType in MetaImage), in DICOM also rescale slope and "
        "intercept."
    )
    if high > HIGHEST_HU:
        # Padding only lowers the range and metal only raises it; swapped bytes do both.
        return Verdict(f"voxels from {low:g} to {high:g}, so these are not HU", remedy, True)
    return Verdict(f"unusually low: the lowest voxel is {low:g} HU", remedy, False)


def _missing(root: Path, paths: Iterable[Path]) -> list[Defect]:
    """One note that names the subsets without a scan, if any."""
    there = {layout.subset_of(path) for path in paths}
    names = [f"subset{k}" for k in SUBSETS if k not in there]
    remedy = "Unpack them to use their scans."
    return [defect(root, f"no scan in {', '.join(names)}", remedy, fatal=False)] if names else []


def _unnamed(
    files: Mapping[str, Path], rows: Mapping[str, pd.DataFrame], found: set[str]
) -> list[Defect]:
    """Defects of seriesuids.csv, if it exists, and of scans missing from it or from all lists."""
    path, nodules = files["seriesuids.csv"], files[LISTS["nodules"].file]
    named = {uid for own in rows.values() for uid in own["seriesuid"]}
    if not os.path.lexists(path):
        return luna16_lists.unfitting(nodules, rows["nodules"], found, named)
    try:
        luna16_lists.require_readable(path)
        listed = set(points_csv.read_scans(path))
    except FileDefect as error:
        return [defect(error.place, error.reason, error.remedy)]
    told = luna16_lists.unfitting(nodules, rows["nodules"], found, named | listed)
    if not any(d["fatal"] for d in told):
        told += [
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
    files: Mapping[str, Path], rows: Mapping[str, pd.DataFrame], sheet: list[dict[str, Any]]
) -> list[Defect]:
    """Defects of the lists: nodules outside their scan or listed twice, rows without a scan."""
    found = [row["seriesuid"] for row in sheet]
    geometries = {row["seriesuid"]: Geometry.from_row(row) for row in sheet if row["shape"]}
    told = luna16_lists.repeated(files[LISTS["nodules"].file], rows["nodules"])
    for name, source in LISTS.items():
        path = files[source.file]
        told += luna16_lists.outside(path, rows[name], geometries, fatal=name == "nodules")
        told += luna16_lists.absent(path, rows[name], found)
        told += luna16_lists.nameless(source, path, rows[name])
    return told


def _give_patients(
    path: Path,
    sheet: list[dict[str, Any]],
    found: set[str],
    of_lidc: Mapping[str, str] | None,
) -> list[Defect]:
    """Set column patient from patients.csv, else LIDC, else the UID; return the defects found."""
    given, told = patients.read(path, found)
    known = patients.known(given, of_lidc or {})
    for row in sheet:
        row["patient"] = known.get(row["seriesuid"], row["seriesuid"])
    return told + patients.remarks(path, found, given, of_lidc)


def _complete(sheet: list[dict[str, Any]], nodules: pd.DataFrame, defects: list[Defect]) -> None:
    """Set n_nodules and status in every row of the sheet."""
    counts = nodules["seriesuid"].value_counts()
    bad = {d["seriesuid"] for d in defects if d["fatal"]}
    for row in sheet:
        row["n_nodules"] = int(counts.get(row["seriesuid"], 0))
        row["status"] = "skipped" if row["seriesuid"] in bad else "ok"


def messages(checked: Checked) -> list[str]:
    """One line per defect, notes first, so that the errors at the end are seen.

    If a file has many defects, such as a list mistaken for another, only the first MOST_TOLD are
    given in full, followed by the number of the rest.
    """
    told = []
    for fatal, level in ((False, "note"), (True, "error")):
        defects = checked.defects[checked.defects["fatal"] == fatal]
        files = defects["file"].str.split(", line ", n=1).str[0]
        for file, own in defects.groupby(files, sort=False):
            shown_ones = own.head(MOST_TOLD)
            told += [f"{level}: {d.file}: {d.reason}. {d.remedy}" for d in shown_ones.itertuples()]
            if rest := len(own) - len(shown_ones):
                told.append(f"{level}: {file}: {rest:,} more of this file. Mend these first.")
    return told


def require_usable(checked: Checked, on_bad_scan: str) -> None:
    """Raise UserError for any unusable scan (`stop`), or only if no scan is usable (`skip`).

    on_bad_scan: stop or skip. A defect that is fatal to all scans, such as a missing
    annotations.csv, raises with both.
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
        defects = "one defect" if len(fatal) == 1 else f"{len(fatal)} defects"
        raise UserError(
            f"{skipped} of {total} scans cannot be used, for {defects} listed above. "
            f"Mend {'it' if len(fatal) == 1 else 'them'}, or set data.on_bad_scan to skip."
        )
    if skipped == total:
        raise UserError(f"None of {total} scans can be used; their defects are listed above.")


def describe(checked: Checked) -> str:
    """Summary in a few lines: scans by subset, sizes, spacing, nodules."""
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
