"""The scan sheet of a data set whose cases were adopted into LUNA16's layout one by one."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.base.files import write_bytes
from nodules.base.messages import escaped
from nodules.datasets.adoption import Adopted
from nodules.datasets.check import Checked
from nodules.datasets.luna16_lists import Defect, defect
from nodules.datasets.scan import Oddity
from nodules.images.metaimage_writing import write_volume

TABLES = ("scans", "defects", "nodules", "excluded")
Paths = Mapping[str, str | Path]


def write(found: Adopted, paths: Paths) -> None:
    """Write a scan and its rows of TABLES; if it is not usable, its volumes are empty files.

    paths: header and data, lesions_header and lesions, organ_header and organ, as far as wanted,
    and one path for each of TABLES.
    """
    wanted = {
        "data": ("header", found.voxels),
        "lesions": ("lesions_header", found.lesions),
        "organ": ("organ_header", found.organ),
    }
    for name, (header, array) in wanted.items():
        if not paths.get(name):
            continue
        if not found.usable or found.grid is None:
            write_bytes(paths[header], b"")
            write_bytes(paths[name], b"")
            continue
        drawn = np.zeros(found.grid.shape, np.int16) if array is None else array
        write_volume(paths[header], paths[name], drawn.astype(np.int16), found.grid)
    for name, rows in _rows(found).items():
        tables.write(paths[name], name, tables.frame(name, rows))


def _rows(found: Adopted) -> dict[str, list[dict[str, Any]]]:
    kept = found.usable
    return {
        "scans": [found.row],
        "defects": found.defects,
        "nodules": found.nodules if kept else [],
        "excluded": found.excluded if kept else [],
    }


def gather(rows: Mapping[str, pd.DataFrame], told: Iterable[Oddity] = ()) -> Checked:
    """The tables of all scans as one. told: oddities found when the data set was listed."""
    sheet = rows["scans"].to_dict("records")
    defects = rows["defects"].to_dict("records")
    defects += [
        defect(odd.path, odd.reason, odd.remedy, odd.uid, fatal=bool(odd.uid)) for odd in told
    ]
    defects += _twice(sheet)
    bad = {row["seriesuid"] for row in defects if row["fatal"]}
    for row in sheet:
        row["status"] = "skipped" if row["seriesuid"] in bad else "ok"
    gone = [row["seriesuid"] for row in sheet if row["status"] != "ok"]
    lists = {name: rows[name] for name in ("nodules", "excluded")}
    kept = {name: own[~own["seriesuid"].isin(gone)] for name, own in lists.items()}
    return Checked(
        tables.frame("scans", sheet),
        tables.frame("defects", defects),
        tables.frame("nodules", kept["nodules"]),
        tables.frame("excluded", kept["excluded"]),
        tables.frame("locations"),
    )


def _twice(sheet: Iterable[Mapping[str, Any]]) -> list[Defect]:
    """Defects of scans with different names and the same voxels: one would give away the other."""
    seen: dict[str, str] = {}
    told = []
    for row in sheet:
        first = seen.setdefault(row["sha256"], row["seriesuid"])
        if row["sha256"] and first != row["seriesuid"]:
            reason = f"scan {row['seriesuid']} is scan {first} again: their voxels are the same"
            remedy = "Take one of them out: trained on one, the other is no test."
            told.append(defect(escaped(str(row["header"])), reason, remedy, row["seriesuid"]))
    return told


def of_memory(scans: Iterable[Adopted], told: Iterable[Oddity] = ()) -> Checked:
    """Like `gather`, for scans that were not written."""
    found = list(scans)
    rows = {
        name: tables.frame(name, [row for one in found for row in _rows(one)[name]])
        for name in TABLES
    }
    return gather(rows, told)
