"""Fleischner Society 2017 by size, texture and number: a table of rules, for research only.

Source: MacMahon et al., Radiology 284(1), 2017, 228-243 (10.1148/radiol.2017161659), table 1. Not
for screening, nor for patients under 35, with known cancer or immunosuppression. The source sizes
nodules by volume or by mean diameter rounded to whole mm (the table's footnote); here the latter.
docs/follow-up.md says what each rule was checked against.
"""

import math
from dataclasses import dataclass

CITATION = "Fleischner Society 2017; MacMahon et al., Radiology 284, 2017, 228-243"
SOLID, PART_SOLID, GROUND_GLASS = "solid", "part-solid", "ground-glass"
SINGLE, MULTIPLE = "single", "multiple"
EVER = math.inf

NONE = "no routine follow-up"
OPTIONAL = "optional CT at 12 months"
GLASS = "CT at 6-12 months to confirm persistence, then every 2 years until 5 years"
PART = (
    "CT at 3-6 months to confirm persistence; if unchanged and the solid part is below 6 mm, "
    "yearly CT for 5 years"
)
MANY_SMALL = "CT at 3-6 months; if stable, consider CT at 2 and 4 years"
MANY = "CT at 3-6 months; then by the most suspicious nodule"


@dataclass(frozen=True)
class Row:
    """One rule: mean diameter in whole mm from `low` to below `high`, and advice for each risk."""

    texture: str
    number: str
    low: float
    high: float
    low_risk: str
    high_risk: str

    def fits(self, texture: str, number: str, mean_mm: float) -> bool:
        """Whether a nodule falls under this rule. mean_mm: as measured, unrounded."""
        whole = math.floor(mean_mm + 0.5)
        return (self.texture, self.number) == (texture, number) and self.low <= whole < self.high


LARGE = 9  # whole mm: more than 8
ROWS = (
    Row(SOLID, SINGLE, 0, 6, NONE, OPTIONAL),
    Row(
        *(SOLID, SINGLE, 6, LARGE),
        "CT at 6-12 months, then consider CT at 18-24 months",
        "CT at 6-12 months, then CT at 18-24 months",
    ),
    Row(
        *(SOLID, SINGLE, LARGE, EVER),
        "consider CT at 3 months, PET/CT or tissue sampling",
        "consider CT at 3 months, PET/CT or tissue sampling",
    ),
    Row(SOLID, MULTIPLE, 0, 6, NONE, OPTIONAL),
    Row(
        *(SOLID, MULTIPLE, 6, LARGE),
        "CT at 3-6 months, then consider CT at 18-24 months",
        "CT at 3-6 months, then CT at 18-24 months",
    ),
    Row(
        *(SOLID, MULTIPLE, LARGE, EVER),
        "CT at 3-6 months, then consider CT at 18-24 months",
        "CT at 3-6 months, then CT at 18-24 months",
    ),
    Row(GROUND_GLASS, SINGLE, 0, 6, NONE, NONE),
    Row(GROUND_GLASS, SINGLE, 6, EVER, GLASS, GLASS),
    Row(PART_SOLID, SINGLE, 0, 6, NONE, NONE),
    Row(PART_SOLID, SINGLE, 6, EVER, PART, PART),
    Row(GROUND_GLASS, MULTIPLE, 0, 6, MANY_SMALL, MANY_SMALL),
    Row(GROUND_GLASS, MULTIPLE, 6, EVER, MANY, MANY),
    Row(PART_SOLID, MULTIPLE, 0, 6, MANY_SMALL, MANY_SMALL),
    Row(PART_SOLID, MULTIPLE, 6, EVER, MANY, MANY),
)


def row_of(texture: str, count: int, mean_mm: float) -> Row:
    """Rule for a nodule, one of `count` in the scan."""
    number = SINGLE if count == 1 else MULTIPLE
    return next(row for row in ROWS if row.fits(texture, number, mean_mm))


def advice(texture: str, count: int, mean_mm: float) -> str:
    """The table's advice, given separately for low and high risk if these differ."""
    row = row_of(texture, count, mean_mm)
    if row.low_risk == row.high_risk:
        return row.low_risk
    return f"low risk: {row.low_risk}; high risk: {row.high_risk}"
