"""LUNA16's lists of nodules, excluded findings and candidates, checked against the scans found."""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nodules.base import tables
from nodules.base.files import FileDefect, require_regular
from nodules.base.messages import escaped, shown
from nodules.datasets import points_csv
from nodules.datasets.layout import list_file
from nodules.datasets.luna16 import missing_list
from nodules.images.foreign import is_luna16, is_uid
from nodules.images.geometry import Geometry

MAX_DIAMETER_MM = 100.0  # LUNA16's largest nodule has 32 mm, its largest excluded finding 38 mm
CORRECT = "Correct or remove the line."

Defect = dict[str, Any]  # a row of table `defects`


@dataclass(frozen=True)
class List:
    """One of LUNA16's CSV files: its name, its fifth column, and whether it is required."""

    file: str
    value: str
    required: bool


LISTS = {
    "nodules": List("annotations.csv", "diameter_mm", True),
    "excluded": List("annotations_excluded.csv", "diameter_mm", True),
    "locations": List("candidates_V2.csv", "class", False),
}


def defect(place: object, reason: str, remedy: str, uid: str = "", fatal: bool = True) -> Defect:
    """A row of table `defects`; if fatal and without a UID, no scan can be used."""
    return {
        "file": escaped(str(place)),
        "seriesuid": shown(uid),
        "reason": escaped(reason),
        "remedy": remedy,
        "fatal": fatal,
    }


def read_list(folder: Path, name: str, found: Collection[str]) -> tuple[pd.DataFrame, list[Defect]]:
    """Read one of `LISTS`: its good rows, and a defect for every other row.

    Returns seriesuid, x, y, z (world mm), diameter_mm or class, and line, for all scans of the
    file. A bad row of a scan in `found` is fatal to the scan, since its truth is incomplete;
    candidates are not part of the truth, so a bad candidate is not.
    """
    source = LISTS[name]
    path = list_file(folder, source.file)
    empty = pd.DataFrame(columns=["seriesuid", "x", "y", "z", source.value, "line"])
    if not os.path.lexists(path):  # a broken link is reported when read, not taken for absent
        remedy = missing_list(source.file, any(map(is_luna16, found)))
        return empty, [defect(path, "the file is missing", remedy)] if source.required else []
    bad: list[points_csv.BadRow] = []
    try:
        require_readable(path)
        columns, lines = points_csv.read_points(path, source.value, bad)
    except FileDefect as error:
        return empty, [defect(error.place, error.reason, error.remedy)]
    rows = pd.DataFrame({**columns, "line": lines})
    wrong = _impossible(name, rows)
    bad += [
        points_csv.BadRow(line, uid, f"{source.value} {value:g} is impossible")
        for uid, line, value in rows.loc[wrong, ["seriesuid", "line", source.value]].itertuples(
            index=False
        )
    ]
    fatal = set(found) | {""} if source.required else set()
    defects = [
        defect(f"{path}, line {b.line}", b.reason, CORRECT, b.seriesuid, b.seriesuid in fatal)
        for b in sorted(bad, key=lambda b: b.line)
    ]
    return rows[~wrong].reset_index(drop=True), defects


def require_readable(path: Path) -> None:
    """Raise FileDefect unless a path is a regular file (not a pipe, say), before it is opened."""
    try:
        require_regular(path)
    except OSError as error:
        raise FileDefect(
            str(path), f"cannot be read ({error.strerror})", "Check the path."
        ) from error


def _impossible(name: str, rows: pd.DataFrame) -> pd.Series:
    if name == "locations":
        return ~rows["class"].isin([0, 1])
    too_large = rows["diameter_mm"] > MAX_DIAMETER_MM
    # An excluded finding's diameter is -1 if it was not measured.
    return too_large | (rows["diameter_mm"] <= 0) if name == "nodules" else too_large


def absent(path: Path, rows: pd.DataFrame, found: Collection[str]) -> list[Defect]:
    """One note with the number of a list's rows whose scans are not there, if any."""
    others = rows.loc[~rows["seriesuid"].isin(list(found)), "seriesuid"]
    if others.empty:
        return []
    reason = (
        f"{len(others)} of {len(rows)} rows belong to {others.nunique()} scans that are not there"
    )
    return [defect(path, reason, "Nothing to do, unless those scans should be used.", fatal=False)]


def unfitting(
    path: Path, nodules: pd.DataFrame, found: Collection[str], named: Collection[str]
) -> list[Defect]:
    """Defect or note on scans that no list names although nodules are listed.

    named: UIDs in any of the lists, including seriesuids.csv. Every scan of LUNA16 is in one of its
    lists, even without nodules; so if none is named, these are other scans or renamed ones, and the
    defect is fatal.
    """
    unknown = sorted(set(found) - set(named))
    if nodules.empty or not unknown:
        return []
    if len(unknown) < len(set(found)):
        most = "only " if len(unknown) * 2 > len(set(found)) else ""
        known = len(set(found)) - len(unknown)
        reason = (
            f"the lists name {most}{known} of {len(set(found))} scans: the others, such as "
            f"{unknown[0]}, count as scans without a nodule"
        )
        remedy = "List in seriesuids.csv the scans that have none; rename what was renamed."
        return [defect(path, reason, remedy, fatal=False)]
    reason = (
        f"none of its {len(nodules)} nodules belongs to one of the {len(unknown)} scans here, and "
        f"no list names one of them: {_likely(nodules, unknown)}"
    )
    remedy = (
        "Name the headers as the lists name the scans, or put this data set's own lists there. "
        "Where no scan has a nodule, list the scans in seriesuids.csv."
    )
    return [defect(path, reason, remedy)]


def _likely(nodules: pd.DataFrame, unknown: Collection[str]) -> str:
    """Why the lists name other scans, as far as the names reveal it."""
    listed = sorted(set(nodules["seriesuid"]))
    plain = {_plain(uid): uid for uid in listed}
    near = next((uid for uid in unknown if _plain(uid) in plain), None)
    first = sorted(unknown)[0]
    if near is not None:
        return f"scan '{near}' is spelled '{shown(plain[_plain(near)])}' in the list"
    if any(map(is_luna16, listed)) and not any(map(is_luna16, unknown)):
        return (
            f"the list is LUNA16's, the scans are named otherwise ('{first}'); renamed files, or "
            "another data set's"
        )
    return (
        f"the scans are named like '{first}', the list's like '{shown(listed[0])}'; renamed files, "
        "or another data set's list"
    )


def _plain(uid: str) -> str:
    """A UID without what spreadsheets and scripts add or drop: leading zeros, suffixes, quotes."""
    name = uid.strip().strip("'\"").lower()
    for suffix in (".mhd", ".raw", ".zraw", ".0"):
        name = name.removesuffix(suffix)
    return name.lstrip("0")


def nameless(source: List, path: Path, rows: pd.DataFrame) -> list[Defect]:
    """A defect of a list with rows that name no series UID, such as `2.25.1.mhd`.

    Fatal if no row of a required list names one: then no scan has its truth. A list of other scans
    only is fine: LUNA16's own lists serve any selection of its subsets.
    """
    uids = rows["seriesuid"].map(is_uid)
    if uids.all():
        return []
    first = rows[~uids].iloc[0]
    reason = (
        f"{(~uids).sum()} of {len(rows)} rows name no series UID, such as "
        f"'{shown(first.seriesuid)}' on line {first.line}"
    )
    remedy = "Write the UIDs alone, as the headers are named: digits and dots."
    return [defect(path, reason, remedy, fatal=source.required and not uids.any())]


def repeated(path: Path, nodules: pd.DataFrame) -> list[Defect]:
    """A note on every reference nodule that repeats an earlier one, exactly or within 1 mm."""
    told = []
    columns = ["x", "y", "z", "diameter_mm"]
    for row, before in points_csv.twins(nodules):
        one, other = nodules.iloc[row], nodules.iloc[before]
        if (one[columns] == other[columns]).all():
            reason = "the same nodule is listed on an earlier line, and counts twice"
            remedy = "Remove the line."
        else:
            reason = f"the nodule lies within 1 mm of that on line {other.line}, and both count"
            remedy = "Remove one of the lines, if they are one nodule."
        told.append(defect(f"{path}, line {one.line}", reason, remedy, one.seriesuid, fatal=False))
    return told


def outside(
    path: Path, rows: pd.DataFrame, geometries: Mapping[str, Geometry], fatal: bool
) -> list[Defect]:
    """A defect for every row whose point lies outside its scan; scans not given are ignored."""
    return [
        defect(
            f"{path}, line {row.line}",
            f"({row.x:g}, {row.y:g}, {row.z:g}) mm lies outside the scan's volume",
            "Correct the line, or the header's Offset, ElementSpacing or TransformMatrix.",
            row.seriesuid,
            fatal,
        )
        for uid, own in rows[rows["seriesuid"].isin(list(geometries))].groupby("seriesuid")
        for row in own[~geometries[str(uid)].encloses(own[["x", "y", "z"]])].itertuples()
    ]


def as_table(name: str, rows: pd.DataFrame, found: Iterable[str]) -> pd.DataFrame:
    """Rows of `read_list` as table `nodules`, `excluded` or `locations`.

    All nodules and excluded findings stay, including those of scans that are not there, so that
    adding a subset later changes nothing; of the many candidates, only those of the scans found.
    """
    if name == "nodules":
        rows = rows.assign(nodule=rows.groupby("seriesuid").cumcount() + 1)
    if name == "locations":
        rows = rows[rows["seriesuid"].isin(list(found))].rename(columns={"class": "label"})
        rows = rows.astype({"label": int})
    return tables.frame(name, rows[tables.columns(name)])
