"""The report's page of all numbers."""

from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest
from typing import Any

import pandas as pd

from nodules.report.pages import tables
from nodules.report.pages.comparison import tables_of
from nodules.report.pages.page import Page
from nodules.report.pages.tables import MetricTable

Builder = Callable[[pd.DataFrame], Iterable[MetricTable]]

# Title: text, which numbers of those that are left belong to it, and what makes tables of them.
SECTIONS: dict[str, tuple[str, Callable[[str], bool], Builder]] = {
    "Detection": (
        "Marks are scored by LUNA16's official rules. All scans of a set count in the denominator"
        " of false positives, with or without nodules or marks; a missed nodule stays in that of"
        " the sensitivity.",
        lambda name: name.startswith(("cpm", "sensitivity_at", "recall_", "false_", "candidates_")),
        tables.detection,
    ),
    "Segmentation": (
        "Every nodule counts once. The readers' agreement with each other and a mere sphere of the"
        " annotated diameter are the human and the trivial bar.",
        lambda name: name.startswith(("dice", "iou", "voxel_", "surface_mm")),
        tables.segmentation,
    ),
    "Classification": (
        "ResNet50 on the U-Net's candidates. A candidate is a nodule where it hits one by the"
        " official rule; one that hits only an excluded finding is left out. Threshold and"
        " temperature are fitted on other scans than those they are applied to.",
        lambda name: "_and_" not in name and not name.startswith("slope"),
        tables.classification,
    ),
    "Confidence as a proxy, and trends over slices": (
        "The weights are frozen: a slope over the slice index describes the order of the slices,"
        " not learning.",
        lambda name: True,
        tables.proxy,
    ),
}
COMPARED = (
    "Both systems on the same scans; differences are paired over the same resamples of the scans."
    " Confidence of a slice: the ResNet50's at the U-Net's strongest pixel, and the highest score"
    " of Mask R-CNN's instances. Confidences of two networks are not on one scale, so they are"
    " compared as given, as was published, and calibrated on other scans."
)
INTERVALS = (
    "In brackets: 95 % intervals from resampling whole scans (for a slope over slices: from its"
    " regression). A dash means undefined; the note says why."
)


def metrics(
    table: pd.DataFrame,
    trends: Mapping[str, Any] | None,
    explanations: Mapping[str, Any] | None = None,
    comparison: tuple[pd.DataFrame, Mapping[str, Any]] | None = None,
) -> Page:
    """The page of all numbers. table: `metrics`.

    trends, explanations: trends.json and explanations.json, for their statements; None where the
    ResNet50's task gives none. comparison: table `comparison` and comparison.json, where Mask
    R-CNN was run. A section without numbers is left out.
    """
    page = Page("Numbers of this run")
    page.text(INTERVALS, "note")
    page.heading("At a glance")
    _show(page, tables.glance(table))
    if trends:
        page.heading("Is confidence a proxy for segmentation quality?")
        page.text(str(trends["statement"]), "finding")
    explained = table["metric"].str.startswith("explanation_")
    # Benign or malignant has a page of its own.
    elsewhere = explained | table["metric"].str.startswith("malignancy_")
    left = tables.pooled(table[~elsewhere])
    for title, (text, belongs, build) in SECTIONS.items():
        own = left["metric"].map(belongs).astype(bool)
        if own.any():
            page.heading(title)
            page.text(text)
            _show(page, *build(left[own]))
        left = left[~own]
    if comparison:
        page.heading("Two stages against one: Mask R-CNN")
        page.text(COMPARED)
        for statement in comparison[1]["statements"].values():
            page.text(str(statement), "finding")
        _show(page, *tables_of(comparison[0]))
    if explanations:
        page.heading("Where the malignancy ResNet50 looks")
        page.text(str(explanations["statement"]), "finding")
        _show(page, tables.explanations(table[explained]))
    page.heading("CPM of each fold")
    _show(page, tables.by_fold(table))
    return page


def _show(page: Page, *shown: MetricTable) -> None:
    """Add tables, those for few readers folded away at the end."""
    if not shown:
        page.text("None.", "note")
    folded = [table for table in shown if table.folded]
    _tables(page, [table for table in shown if not table.folded])
    if folded:
        with page.details("The other measures by diameter"):
            _tables(page, folded)


def _tables(page: Page, shown: list[MetricTable]) -> None:
    """Add tables with their notes, which tables in a row that share them have once."""
    for table, after in zip_longest(shown, shown[1:]):
        page.table(table.rows, table.caption, table.numbers)
        if after is None or after.notes != table.notes:
            page.notes(table.notes)
