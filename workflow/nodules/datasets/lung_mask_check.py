"""Check of a lung mask beside a scan, before hours of work."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from nodules.base.files import FileDefect
from nodules.datasets.hounsfield import LOWEST
from nodules.datasets.luna16_lists import Defect, defect
from nodules.datasets.lung_files import MISSING, of_scan
from nodules.datasets.lung_masks import GRID, LABELS, LEFT, RIGHT, misplaced, without_lung
from nodules.datasets.voxels import survey
from nodules.images.geometry import Geometry
from nodules.images.metaimage_header import examine


class Masks(NamedTuple):
    """The folder of lung masks, and whether every scan needs one."""

    folder: Path
    needed: bool


def check_mask(masks: Masks, uid: str, stored: Geometry) -> list[Defect]:
    """Defects of a scan's lung mask, found without holding all its voxels in memory.

    stored: the scan's grid as stored.
    """
    header = masks.folder / f"{uid}.mhd"
    if of_scan(masks.folder, uid) is None:
        reason = f"this file of scan {uid}'s lung mask is missing"
        return [defect(header, reason, MISSING, uid)] if masks.needed else []
    mask, problems = examine(header)
    if mask is None:
        return [defect(header, p.reason, p.remedy, uid) for p in problems]
    if reason := misplaced(mask.geometry.reoriented()[0], stored.reoriented()[0]):
        return [defect(header, reason, GRID, uid)]
    try:
        counts = survey(mask).counts
    except FileDefect as error:
        return [defect(error.place, error.reason, error.remedy, uid)]
    found = (np.flatnonzero(counts) + LOWEST).tolist()
    lungs = [name for label, name in ((LEFT, "left"), (RIGHT, "right")) if label in found]
    if not lungs:
        return [defect(header, without_lung(found), LABELS, uid)]
    if len(lungs) == 1:
        reason = f"the lung mask holds the {lungs[0]} lung alone"
        return [defect(header, reason, "Nothing to do where the other is not there.", uid, False)]
    return []
