"""What `luna16 check` says of a scan's values and lungs, said of a scan that was adopted."""

from nodules.datasets.adoption import HU, Adopted, Settings
from nodules.datasets.luna16_lists import defect
from nodules.datasets.sources.case import Case
from nodules.prepare import lung_check, scan_check

CHEST = "lungs"  # value of region.method


def judge(found: Adopted, case: Case, settings: Settings, region: str) -> None:
    """Add to an adopted scan's defects what its values, and where there should be lungs these, say.

    What is odd in HU is fatal in a chest alone: elsewhere there may be neither air nor lung.
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
