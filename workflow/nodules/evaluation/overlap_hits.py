"""Hits by overlap: the lesions that a system's marks touch, from table `segmentation`."""

from typing import Any

import numpy as np
import pandas as pd

from nodules.evaluation.froc import Bools, Hit, Ints, Table
from nodules.evaluation.names import MASKS, SYSTEMS
from nodules.findings import candidate_hits

TOUCHED = "touched"  # column of marks: numbers of the lesions that a mark's mask overlaps
MASKED = "masked"  # column of nodules: whether a lesion has a mask, so that it can be overlapped


def drawn_by(system: str) -> str:
    """Key of the mask that a system's marks have; "" if they are points without masks."""
    drawing = [key for key in SYSTEMS[system].networks if key in MASKS and MASKS[key].regions]
    return drawing[-1] if drawing else ""


def with_touched(marks: pd.DataFrame, segmentation: pd.DataFrame, system: str) -> pd.DataFrame:
    """A system's marks with column TOUCHED; unchanged if they are points without masks.

    segmentation: the table of this name, of all sets.
    """
    drawing = drawn_by(system)
    if not drawing:
        return marks
    touched: dict[tuple[str, int], list[int]] = {}
    for row in segmentation[segmentation["comparison"] == drawing].itertuples():
        for candidate in row.candidates:
            touched.setdefault((row.seriesuid, int(candidate)), []).append(int(row.nodule))
    keys = zip(marks["seriesuid"], marks["candidate"], strict=True)
    return marks.assign(**{TOUCHED: [tuple(touched.get(key, ())) for key in keys]})


def with_masked(nodules: pd.DataFrame, segmentation: pd.DataFrame) -> pd.DataFrame:
    """Table `nodules` with column MASKED."""
    known = set(zip(segmentation["seriesuid"], segmentation["nodule"].astype(int), strict=True))
    keys = zip(nodules["seriesuid"], nodules["nodule"], strict=True)
    return nodules.assign(**{MASKED: [key in known for key in keys]})


def rematched(matches: pd.DataFrame, marks: pd.DataFrame, nodules: pd.DataFrame) -> pd.DataFrame:
    """Table `matches` with hits by overlap; unchanged if the marks have no column TOUCHED."""
    if TOUCHED not in marks:
        return matches
    columns = ["seriesuid", "candidate", TOUCHED]
    touching = marks[columns].explode(TOUCHED).dropna().rename(columns={TOUCHED: "nodule"})
    masked = nodules.loc[nodules[MASKED], ["seriesuid", "nodule"]]
    return candidate_hits.rematched(matches, touching.assign(voxels=1), masked)


def overlapping(marks: Table, nodules: Table) -> Hit:
    """Hit rule: lesions with a mask are hit by marks that overlap them, others by distance."""
    touched: Any = marks[TOUCHED]
    numbers, masked = np.asarray(nodules["nodule"]), np.asarray(nodules[MASKED], bool)

    def hit(rows: Ints, targets: Ints, by_distance: Bools) -> Bools:
        found = [[numbers[target] in touched[row] for target in targets] for row in rows]
        over = np.array(found, bool).reshape(by_distance.shape)
        return np.where(masked[targets], over, by_distance)

    return hit
