"""Lung-RADS v2022 by size, texture and growth: a table of rules, for research only.

Source: ACR Lung-RADS v2022 (November 2022), as published by Christensen et al., Chest 165(3), 2024,
738-753, and J Am Coll Radiol 21(3), 2024, 473-488 (10.1016/j.jacr.2023.09.009). Only size, texture
and growth are considered: no cysts, airway or juxtapleural nodules or benign calcification, no
category 0, 4X or modifier S. docs/follow-up.md says what each rule was checked against.
"""

import math
from dataclasses import dataclass

CITATION = "ACR Lung-RADS v2022; Christensen et al., J Am Coll Radiol 21, 2024, 473-488"
NOT_FOR_DIAGNOSIS = "for research, not for diagnosis"

GROWTH_MM = 1.5  # growth is an increase in mean diameter of more than this within 12 months
YEAR_DAYS = 365.25
BASELINE, NEW, GROWING, SLOW, STABLE = "baseline", "new", "growing", "slowly growing", "stable"
SOLID, PART_SOLID, GROUND_GLASS = "solid", "part-solid", "ground-glass"
EVER = math.inf


@dataclass(frozen=True)
class Row:
    """One rule, for mean diameters in mm from `low` to below `high`; solid: of the solid part.

    status: of the nodule. STABLE nodules have no rows: see `stepped`.
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
    Row(GROUND_GLASS, GROWING, 30, EVER, "3"),  # the ACR has no row for it; treated like a new one
    Row(GROUND_GLASS, SLOW, 0, EVER, "2"),
)
# Stepped management: a category, the days without growth after which it steps down, and the
# category it steps down to. Follow-ups are due at 6 and at 3 months; one month less is accepted.
# 4B steps down only if the nodule is proven benign.
STEPS = (("3", 150.0, "2"), ("4A", 60.0, "3"))
ORDER = ("2", "3", "4A", "4B")
# A ground-glass nodule of 30 mm or more that has not grown is category 2 at once.
STABLE_GLASS = "2"

Sizes = tuple[float, float]  # mean diameter to a tenth, and that of the solid part, mm


def category(texture: str, status: str, mean_mm: float, solid_mm: float) -> str:
    """Category of a nodule by its size: 2, 3, 4A or 4B.

    status: any but STABLE. mean_mm: mean of long and short axis, to a tenth. solid_mm: the same
    for the solid part.
    """
    return next(row.category for row in ROWS if row.fits(texture, status, mean_mm, solid_mm))


def stepped(texture: str, before: Sizes, now: Sizes, days: float | None) -> str:
    """Category of a nodule that is stable or smaller, `days` after the earlier scan.

    The nodule steps down from its earlier category, with the earlier scan as the baseline. If it
    has crossed a size threshold without growing, it gets the higher category of its present size.
    """
    if texture == GROUND_GLASS:
        return STABLE_GLASS
    was, is_now = (category(texture, BASELINE, *sizes) for sizes in (before, now))
    if ORDER.index(is_now) > ORDER.index(was):
        return is_now
    due = (to for name, after, to in STEPS if name == was and days is not None and days >= after)
    return next(due, was)


def status_of(before_mm: float, after_mm: float, days: float | None) -> str:
    """Status of a nodule seen twice, by its mean diameters: GROWING, SLOW or STABLE.

    GROWING: by more than GROWTH_MM within 12 months or, over a longer time, per year. SLOW: by
    more than GROWTH_MM in total, but less per year. Unknown dates count as 12 months apart.
    """
    more = round(after_mm - before_mm, 1)
    if more <= GROWTH_MM:
        return STABLE
    years = max((days or YEAR_DAYS) / YEAR_DAYS, 1.0)
    return GROWING if more / years > GROWTH_MM else SLOW
