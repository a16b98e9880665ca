"""Lung-RADS v2022 and Fleischner 2017: a test for each row, written from the tables' own text."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodules.findings.follow_up import fleischner, lung_rads, table
from nodules.findings.follow_up.measuring import Measured

TEXTURES = ("solid", "part-solid", "ground-glass")

# texture, status, mean diameter, that of the solid part, category; each bound from both sides.
LUNG_RADS = [
    ("solid", "baseline", 5.9, 5.9, "2"),  # < 6 mm
    ("solid", "baseline", 6.0, 6.0, "3"),  # 6 to < 8 mm
    ("solid", "baseline", 7.9, 7.9, "3"),
    ("solid", "baseline", 8.0, 8.0, "4A"),  # 8 to < 15 mm
    ("solid", "baseline", 14.9, 14.9, "4A"),
    ("solid", "baseline", 15.0, 15.0, "4B"),  # >= 15 mm
    ("solid", "new", 3.9, 3.9, "2"),  # new < 4 mm
    ("solid", "new", 4.0, 4.0, "3"),  # new 4 to < 6 mm
    ("solid", "new", 5.9, 5.9, "3"),
    ("solid", "new", 6.0, 6.0, "4A"),  # new 6 to < 8 mm
    ("solid", "new", 7.9, 7.9, "4A"),
    ("solid", "new", 8.0, 8.0, "4B"),  # new or growing >= 8 mm
    ("solid", "growing", 7.9, 7.9, "4A"),  # growing < 8 mm
    ("solid", "growing", 8.0, 8.0, "4B"),
    ("solid", "slowly growing", 7.0, 7.0, "4B"),  # slow growth over several screenings
    ("part-solid", "baseline", 5.9, 3.0, "2"),  # < 6 mm in all
    ("part-solid", "baseline", 6.0, 5.9, "3"),  # >= 6 mm, solid part < 6 mm
    ("part-solid", "baseline", 9.0, 6.0, "4A"),  # solid part 6 to < 8 mm
    ("part-solid", "baseline", 12.0, 7.9, "4A"),
    ("part-solid", "baseline", 12.0, 8.0, "4B"),  # solid part >= 8 mm
    ("part-solid", "new", 5.9, 3.0, "3"),  # new < 6 mm in all
    ("part-solid", "new", 6.0, 3.9, "4A"),  # new solid part < 4 mm
    ("part-solid", "new", 8.0, 4.0, "4B"),  # new solid part >= 4 mm
    ("part-solid", "growing", 8.0, 3.9, "4A"),  # growing solid part < 4 mm
    ("part-solid", "growing", 8.0, 4.0, "4B"),  # growing solid part >= 4 mm
    ("part-solid", "slowly growing", 9.0, 3.0, "4B"),
    ("ground-glass", "baseline", 29.9, 0.0, "2"),  # < 30 mm
    ("ground-glass", "baseline", 30.0, 0.0, "3"),  # >= 30 mm
    ("ground-glass", "new", 29.9, 0.0, "2"),
    ("ground-glass", "new", 30.0, 0.0, "3"),
    ("ground-glass", "growing", 29.9, 0.0, "2"),
    ("ground-glass", "growing", 30.0, 0.0, "3"),
    ("ground-glass", "slowly growing", 35.0, 0.0, "2"),  # >= 30 mm, slowly growing
]


@pytest.mark.parametrize(("texture", "status", "mean", "solid", "category"), LUNG_RADS)
def test_lung_rads_row_by_row(texture, status, mean, solid, category):
    assert lung_rads.category(texture, status, mean, solid) == category


def test_every_lung_rads_row_is_among_those_tested():
    tried = {row for row in lung_rads.ROWS for case in LUNG_RADS if row.fits(*case[:4])}
    assert tried == set(lung_rads.ROWS)


@pytest.mark.parametrize(
    ("texture", "before", "now", "days", "category"),
    [
        ("solid", 7.0, 7.0, 180, "2"),  # 3, stable at 6 months
        ("solid", 7.0, 5.0, 180, "2"),  # 3, smaller at 6 months
        ("solid", 7.0, 7.0, 90, "3"),  # too early
        ("solid", 10.0, 10.0, 90, "3"),  # 4A, stable at 3 months
        ("solid", 10.0, 7.0, 180, "3"),  # 4A, smaller: a step at a time, not by its size now
        ("solid", 10.0, 10.0, 30, "4A"),
        ("solid", 16.0, 16.0, 365, "4B"),  # 4B steps down where it is proven benign alone
        ("solid", 16.0, 14.0, 365, "4B"),
        ("solid", 7.2, 8.4, 180, "4A"),  # has crossed a size: by size, and no step down
        ("solid", 5.5, 6.5, 180, "3"),
        ("solid", 5.0, 5.0, 30, "2"),
        ("solid", 7.0, 7.0, None, "3"),  # nothing steps down without dates
        ("part-solid", 7.0, 7.0, 180, "2"),
        ("ground-glass", 31.0, 31.0, 30, "2"),  # >= 30 mm and stable
    ],
)
def test_what_is_stable_steps_down_from_what_it_was(texture, before, now, days, category):
    share = 0.5 if texture == "part-solid" else 1.0
    sizes = [(mm, share * mm) for mm in (before, now)]
    assert lung_rads.stepped(texture, *sizes, days) == category


@pytest.mark.parametrize(
    ("before", "after", "days", "status"),
    [
        (6.0, 7.5, 300, "stable"),  # 1.5 mm is not more than 1.5 mm
        (6.0, 7.6, 300, "growing"),
        (6.0, 7.6, 730, "slowly growing"),  # 0.8 mm a year
        (6.0, 9.2, 730, "growing"),
        (6.0, 7.6, None, "growing"),
        (8.0, 5.0, 300, "stable"),
    ],
)
def test_growth_is_more_than_1_5_mm_within_12_months(before, after, days, status):
    assert lung_rads.status_of(before, after, days) == status


sizes = st.floats(0.1, 60).map(lambda value: round(value, 1))


@given(
    texture=st.sampled_from(TEXTURES),
    status=st.sampled_from(["baseline", "new", "growing", "slowly growing"]),
    mean=sizes,
    solid=sizes,
)
def test_exactly_one_lung_rads_row_fits_each_nodule(texture, status, mean, solid):
    assert sum(row.fits(texture, status, mean, solid) for row in lung_rads.ROWS) == 1


# texture, number of nodules, mean diameter, words that must be in the advice. Diameters are rounded
# to whole mm, as the table's footnote has it, so 5.5 is 6 and 8.4 is 8.
FLEISCHNER = [
    ("solid", 1, 5.4, "low risk: no routine follow-up; high risk: optional CT at 12 months"),
    ("solid", 1, 5.5, "low risk: CT at 6-12 months, then consider CT at 18-24 months; high risk: "
     "CT at 6-12 months, then CT at 18-24 months"),
    ("solid", 1, 8.4, "CT at 6-12 months"),
    ("solid", 1, 8.5, "consider CT at 3 months, PET/CT or tissue sampling"),
    ("solid", 3, 5.4, "low risk: no routine follow-up; high risk: optional CT at 12 months"),
    ("solid", 3, 8.4, "low risk: CT at 3-6 months, then consider CT at 18-24 months"),
    ("solid", 3, 9.0, "high risk: CT at 3-6 months, then CT at 18-24 months"),
    ("ground-glass", 1, 5.4, "no routine follow-up"),
    ("ground-glass", 1, 5.5, "CT at 6-12 months to confirm persistence, then every 2 years"),
    ("part-solid", 1, 5.4, "no routine follow-up"),
    ("part-solid", 1, 5.5, "CT at 3-6 months to confirm persistence"),
    ("ground-glass", 2, 5.4, "CT at 3-6 months; if stable, consider CT at 2 and 4 years"),
    ("ground-glass", 2, 5.5, "CT at 3-6 months; then by the most suspicious nodule"),
    ("part-solid", 2, 5.4, "CT at 3-6 months; if stable, consider CT at 2 and 4 years"),
    ("part-solid", 2, 5.5, "CT at 3-6 months; then by the most suspicious nodule"),
]  # fmt: skip


@pytest.mark.parametrize(("texture", "count", "mean", "words"), FLEISCHNER)
def test_fleischner_row_by_row(texture, count, mean, words):
    assert words in fleischner.advice(texture, count, mean)


def test_every_fleischner_row_is_among_those_tested():
    tried = {fleischner.row_of(*case[:3]) for case in FLEISCHNER}
    assert tried == set(fleischner.ROWS)


@given(
    texture=st.sampled_from(TEXTURES), number=st.sampled_from(["single", "multiple"]), mean=sizes
)
def test_exactly_one_fleischner_row_fits_each_nodule(texture, number, mean):
    assert sum(row.fits(texture, number, mean) for row in fleischner.ROWS) == 1


def test_each_table_names_its_source():
    for module in (lung_rads, fleischner):
        assert "20" in module.CITATION and module.__doc__ and "10.1" in module.__doc__


def test_fleischner_rounds_what_was_measured_and_not_what_was_rounded_before():
    """5.46 mm are 5 mm, though to a tenth they are 5.5, which would be 6."""
    numbers = dict.fromkeys(Measured.__dataclass_fields__) | {"long_mm": 5.5, "short_mm": 5.42}
    nodule = Measured(**numbers | {"texture": "solid", "apart": True})
    assert nodule.mean_mm == 5.5
    link = SimpleNamespace(second=SimpleNamespace(measured=nodule))
    assert table.fleischner_of(link, 1).startswith(f"low risk: {fleischner.NONE}")
