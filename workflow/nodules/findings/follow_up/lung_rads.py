"""Lung-RADS v2022 by size, texture and growth: a table of rows, for research only.

Source: ACR Lung-RADS v2022 (November 2022), as published by Christensen et al., Chest 165(3), 2024,
738-753, and J Am Coll Radiol 21(3), 2024, 473-488 (10.1016/j.jacr.2023.09.009). Only what size,
texture and growth decide is here: no cysts, airway and juxtapleural nodules, benign calcification,
no category 0, 4X or modifier S. Rows that are new in v2022 (stepping down, slow growth) were not
yet held against the ACR's own document.
"""

import math
from dataclasses import dataclass

CITATION = "ACR Lung-RADS v2022; Christensen et al., J Am Coll Radiol 21, 2024, 473-488"
NOT_FOR_DIAGNOSIS = "for research, not for diagnosis"

GROWTH_MM = 1.5  # more than this in the mean diameter within 12 months
YEAR_DAYS = 365.25
BASELINE, NEW, GROWING, SLOW, STABLE = "baseline", "new", "growing", "slowly growing", "stable"
SOLID, PART_SOLID, GROUND_GLASS = "solid", "part-solid", "ground-glass"
EVER = math.inf


@dataclass(frozen=True)
class Row:
    """One rule. Sizes in mm of the mean diameter, low included, high not; solid: of the solid part.

    status: of the nodule; STABLE ones are sized as at BASELINE, then stepped down (STEPS).
    """

    texture: str
    status: str
    low: float
    high: float
    category: str
    solid_low: float = 0.0
    solid_high: float = EVER

    def fits(self, texture: str, status: str, mean_mm: float, solid_mm: float) -> bool:
        """Whether a nodule falls under this rule."""
        return (
            (self.texture, self.status) == (texture, status)
            and self.low <= mean_mm < self.high
            and self.solid_low <= solid_mm < self.solid_high
        )


ROWS = (
    Row(SOLID, BASELINE, 0, 6, "2"),
    Row(SOLID, BASELINE, 6, 8, "3"),
    Row(SOLID, BASELINE, 8, 15, "4A"),
    Row(SOLID, BASELINE, 15, EVER, "4B"),
    Row(SOLID, NEW, 0, 4, "2"),
    Row(SOLID, NEW, 4, 6, "3"),
    Row(SOLID, NEW, 6, 8, "4A"),
    Row(SOLID, NEW, 8, EVER, "4B"),
    Row(SOLID, GROWING, 0, 8, "4A"),
    Row(SOLID, GROWING, 8, EVER, "4B"),
    Row(SOLID, SLOW, 0, EVER, "4B"),
    Row(PART_SOLID, BASELINE, 0, 6, "2"),
    Row(PART_SOLID, BASELINE, 6, EVER, "3", 0, 6),
    Row(PART_SOLID, BASELINE, 6, EVER, "4A", 6, 8),
    Row(PART_SOLID, BASELINE, 6, EVER, "4B", 8),
    Row(PART_SOLID, NEW, 0, 6, "3"),
    Row(PART_SOLID, NEW, 6, EVER, "4A", 0, 4),
    Row(PART_SOLID, NEW, 6, EVER, "4B", 4),
    Row(PART_SOLID, GROWING, 0, EVER, "4A", 0, 4),
    Row(PART_SOLID, GROWING, 0, EVER, "4B", 4),
    Row(PART_SOLID, SLOW, 0, EVER, "4B"),
    Row(GROUND_GLASS, BASELINE, 0, 30, "2"),
    Row(GROUND_GLASS, BASELINE, 30, EVER, "3"),
    Row(GROUND_GLASS, NEW, 0, 30, "2"),
    Row(GROUND_GLASS, NEW, 30, EVER, "3"),
    Row(GROUND_GLASS, GROWING, 0, 30, "2"),
    Row(GROUND_GLASS, GROWING, 30, EVER, "3"),
    Row(GROUND_GLASS, SLOW, 0, EVER, "2"),
)
# Stepped management: a category, the days after which it steps down where nothing has grown, and
# to what. The follow-ups are at 6 and at 3 months; a month less is taken for the same.
STEPS = (("3", 150.0, "2"), ("4A", 60.0, "3"))
# A ground-glass nodule of 30 mm and more that has not grown is of category 2 at once.
STABLE_GLASS = "2"


def category(
    texture: str, status: str, mean_mm: float, solid_mm: float, days: float | None = None
) -> str:
    """The category of a nodule: 2, 3, 4A or 4B.

    mean_mm: mean of long and short axis, to a tenth. solid_mm: the same of the solid part.
    days: since the earlier scan, for STABLE ones.
    """
    if status == STABLE and texture == GROUND_GLASS:
        return STABLE_GLASS
    sized = BASELINE if status == STABLE else status
    found = next(row.category for row in ROWS if row.fits(texture, sized, mean_mm, solid_mm))
    if status == STABLE and days is not None:
        return next((to for name, after, to in STEPS if name == found and days >= after), found)
    return found


def status_of(before_mm: float, after_mm: float, days: float | None) -> str:
    """Whether a nodule seen twice is GROWING, SLOW or STABLE, by its mean diameters.

    Growth is more than GROWTH_MM within 12 months; over a longer time, more than that a year, and
    what grew by more than that in all and yet slower is SLOW. Without dates, 12 months are taken.
    """
    more = round(after_mm - before_mm, 1)
    if more <= GROWTH_MM:
        return STABLE
    years = max((days or YEAR_DAYS) / YEAR_DAYS, 1.0)
    return GROWING if more / years > GROWTH_MM else SLOW
