"""Duplicate scans: two of the same UID, or the same voxels under two UIDs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nodules.datasets.luna16_lists import Defect, defect
from nodules.datasets.voxels import Identity
from nodules.images.foreign import is_luna16

ENOUGH = 10_000  # voxels: in smaller scans, value counts may agree by chance


def same_uid(paths: Sequence[Path]) -> list[Defect]:
    """One defect per header whose UID another header shares."""
    number = Counter(path.stem for path in paths)
    return [
        defect(path, "another subset holds a scan of this UID", "Keep one of them.", path.stem)
        for path in paths
        if number[path.stem] > 1
    ]


def same_voxels(
    sheet: Sequence[Mapping[str, Any]], seen: Mapping[str, Identity | None]
) -> list[Defect]:
    """One defect per scan that has the same voxels as a scan with another UID.

    seen: identity of each scan's voxels, by header. Differences in compression, byte order, data
    type or axis order do not hide a duplicate.
    """
    told = []
    owners: dict[str, list[str]] = {}
    for row in sheet:
        voxels = seen.get(row["header"])
        for name in (voxels.order, voxels.content) if voxels else ():
            owners.setdefault(name, []).append(row["seriesuid"])
    for row in sheet:
        voxels = seen.get(row["header"])
        if voxels is None:
            continue
        uid = row["seriesuid"]
        exact = sorted(set(owners[voxels.order]) - {uid})
        turned = sorted(set(owners[voxels.content]) - {uid}) if voxels.number >= ENOUGH else []
        if exact or turned:
            how = "" if exact else ", stored in another order"
            reason = f"the same voxels as scan {(exact or turned)[0]}{how}"
            told.append(defect(row["data"], reason, _remedy(uid), uid))
    return told


def _remedy(uid: str) -> str:
    if is_luna16(uid):
        return "Restore the right voxel file of each, and check ElementDataFile in the headers."
    return (
        "Keep one where it is one scan under two names: in two folds it would be trained on and "
        "tested. Else check ElementDataFile in the headers."
    )
