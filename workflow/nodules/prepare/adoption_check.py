"""The checks that `luna16 check` makes of values and lungs, for an adopted scan."""

from nodules.datasets.adoption import HU, Adopted, Settings
from nodules.datasets.luna16_lists import defect
from nodules.datasets.sources.case import Case
from nodules.prepare import lung_check, scan_check

CHEST = "lungs"  # value of region.method


def judge(found: Adopted, case: Case, settings: Settings, region: str) -> None:
    """Add defects of values and, for a chest, of lungs to those of an adopted scan.

    Odd HU are fatal in a chest only: elsewhere there may be neither air nor lung.
    """
    if not found.usable or found.voxels is None or found.grid is None:
        return
    told = scan_check.verdicts(found.voxels, found.grid) if settings.units == HU else []
    chest = region == CHEST
    if chest and not any(verdict.fatal for verdict in told):
        told += lung_check.verdicts(found.voxels, found.grid)
    found.defects += [
        defect(case.image, t.reason, t.remedy, case.name, t.fatal and chest) for t in told
    ]
    found.row["status"] = "ok" if found.usable else "skipped"
