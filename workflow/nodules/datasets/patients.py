"""The patient of each scan: from LIDC, or from `patients.csv` beside the scans for all others.

All scans of a patient must be on the same side of every split. Only the owner of the data knows
which scans these are: a series UID does not say.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from nodules.base.files import FileDefect
from nodules.base.messages import shown
from nodules.datasets.csv_text import read_sheet
from nodules.datasets.luna16_lists import CORRECT, Defect, defect, require_readable

COLUMNS = ("seriesuid", "patient")
FILE = "patients.csv"


def read(path: Path, found: Collection[str]) -> tuple[dict[str, str], list[Defect]]:
    """Patient of each scan in `patients.csv`, and the file's defects; empty without the file.

    A bad row is fatal to its scan if that is in `found`; an unreadable file is fatal to all scans.
    """
    if not os.path.lexists(path):
        return {}, []
    try:
        rows = _rows(path)
    except FileDefect as error:
        return {}, [defect(error.place, error.reason, error.remedy)]
    given: dict[str, str] = {}
    lines: dict[str, int] = {}
    told = []
    for line, uid, patient in rows:
        reason = ""
        if not uid or not patient:
            reason = f"the {'patient' if uid else 'seriesuid'} is empty"
        elif uid in given:
            same = given[uid] == patient
            reason = f"the scan is listed on line {lines[uid]}, " + (
                "with the same patient" if same else f"as patient '{shown(given[uid])}'"
            )
        fatal = bool(reason) and uid in found and given.get(uid) != patient
        if reason:
            told.append(defect(f"{path}, line {line}", reason, CORRECT, uid, fatal))
        else:
            given[uid], lines[uid] = patient, line
    unknown = [uid for uid in given if uid not in found]
    if unknown:
        reason = f"{len(unknown)} of {len(given)} rows name no scan that is here, such as "
        remedy = "Nothing to do, unless they should be scans of this folder, by another name."
        told.append(defect(path, f"{reason}'{shown(unknown[0])}'", remedy, fatal=False))
    return given, told


def known(given: Mapping[str, str], of_lidc: Mapping[str, str]) -> dict[str, str]:
    """Patient of each scan that the list or LIDC tells; where both do, the list counts.

    A scan that LIDC alone tells stays with its patient's other scans: where the list has one of
    these, it takes the name there. A list of some scans would part them otherwise.
    """
    named = {of_lidc[uid]: patient for uid, patient in given.items() if uid in of_lidc}
    return {uid: named.get(patient, patient) for uid, patient in of_lidc.items()} | dict(given)


def remarks(
    path: Path, found: Collection[str], given: Mapping[str, str], of_lidc: Mapping[str, str] | None
) -> list[Defect]:
    """Notes on scans whose patient is not stated, and on contradictions between the list and LIDC.

    of_lidc: LIDC's patients by scan; None if unknown, in which case there are no notes.
    """
    told: list[Defect] = []
    if of_lidc is None:
        return told
    own = sorted(uid for uid in found if uid not in of_lidc and uid not in given)
    if own and (len(own) > 1 or given):
        reason = (
            f"nobody says whose {len(own)} of the scans are, such as {own[0]}: each counts as a "
            "patient of its own, so that two scans of one patient may come to lie in two folds"
        )
        remedy = f"Name their patients in {FILE} (columns {', '.join(COLUMNS)})."
        told.append(defect(path, reason, remedy, fatal=False))
    others = sorted(u for u in set(found) & set(given) & set(of_lidc) if _parted(u, given, of_lidc))
    if others:
        reason = (
            f"{len(others)} scans, such as {others[0]}, have another patient than scans that are "
            f"the same patient's by LIDC, or share one with another's"
        )
        told.append(defect(path, reason, "This file counts; compare it with LIDC.", fatal=False))
    return told


def _parted(uid: str, given: Mapping[str, str], of_lidc: Mapping[str, str]) -> bool:
    """Whether, among scans in both, the list groups this scan with others than LIDC does."""
    both = [other for other in given if other in of_lidc]
    by_list = {other for other in both if given[other] == given[uid]}
    return by_list != {other for other in both if of_lidc[other] == of_lidc[uid]}


def _rows(path: Path) -> list[tuple[int, str, str]]:
    """Line number, seriesuid and patient of each row."""
    require_readable(path)
    sheet = read_sheet(path)
    uids, patients = (map(str.strip, sheet.column(name)) for name in COLUMNS)
    return list(zip(sheet.lines, uids, patients, strict=True))
