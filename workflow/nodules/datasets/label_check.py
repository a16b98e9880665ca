"""Check of a label volume beside a scan: the file itself, and its fit to the annotated nodules."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from nodules.base.files import FileDefect
from nodules.datasets.labels import CROWDED, fit
from nodules.datasets.luna16_lists import Defect, defect
from nodules.datasets.voxels import INT16, labelled
from nodules.images.geometry import Geometry
from nodules.images.metaimage_header import examine
from nodules.images.volume import same_grid

SAME_MM = 0.01  # largest distance between corresponding voxels


def check_labels(
    path: Path, grid: Geometry, uid: str, nodules: pd.DataFrame | None = None
) -> list[Defect]:
    """Defects of a label volume beside a scan with this stored grid.

    nodules: the scan's annotated nodules (nodule, x, y, z, diameter_mm), which the labels should
    fit; None if they are unknown.
    """
    labels, problems = examine(path)
    remedy = "Store the labels on the scan's own grid, or remove them."
    if labels is None:
        return [defect(path, p.reason, p.remedy, uid) for p in problems]
    told = []
    if not same_grid(labels.geometry, grid, SAME_MM):
        told.append(defect(path, "the label volume has another grid than its scan", remedy, uid))
    if labels.element.kind == "f":
        told.append(defect(path, "labels are not whole numbers", remedy, uid))
    try:
        low, high, voxels = labelled(labels)
    except FileDefect as error:
        return [*told, defect(error.place, error.reason, error.remedy, uid)]
    told += [defect(path, reason, remedy, uid) for reason, remedy in _numbers(low, high)]
    if low == high == 0:
        reason = "there is no label in it: the readers' contours count instead"
        remedy = "Nothing to do, unless the scan's nodules should be labelled."
        told.append(defect(path, reason, remedy, uid, fatal=False))
    if told or nodules is None:
        return told
    fitting = [CROWDED] if voxels is None else fit(voxels, grid, nodules).told
    return [defect(path, t.reason, t.remedy, uid, t.fatal) for t in fitting]


def _numbers(low: float, high: float) -> Iterator[tuple[str, str]]:
    """Reason and remedy for each bound that the lowest or highest label violates."""
    remedy = "Number the nodules from 1 on; 0 is what is none."
    if not low >= 0:
        yield f"the label {low:g} is below 0", remedy
    if high > INT16.max:
        # Labels are read as int16, clipped: all of these would become the same label.
        yield f"the label {high:g} is above {INT16.max}", remedy
