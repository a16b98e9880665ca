"""The report's page of all numbers."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import zip_longest
from typing import Any

import pandas as pd

from nodules.evaluation import metrics
from nodules.evaluation.names import MASKRCNN, MASKS, RESNET, UNET
from nodules.evaluation.runs import following, labelled
from nodules.report.pages import tables
from nodules.report.pages.comparison import tables_of
from nodules.report.pages.page import Page
from nodules.report.pages.tables import MetricTable
from nodules.stats.bootstrap import RULE

Builder = Callable[[pd.DataFrame], Iterable[MetricTable]]

# Title: text, and for each of its sections of measures what builds the tables.
SECTIONS: dict[str, tuple[str, dict[str, Builder]]] = {
    "Detection": (
        "Marks are scored by LUNA16's official rules. All scans of a set count in the denominator"
        " of false positives per scan, with or without nodules or marks; a missed nodule stays in"
        " that of sensitivity.",
        {metrics.DETECTION: tables.detection},
    ),
    "Segmentation": (
        "Every nodule counts once. The readers' agreement with each other and a plain"
        f" {MASKS['sphere'].name} are the human and the trivial yardsticks.",
        {metrics.SEGMENTATION: tables.segmentation},
    ),
    "Classification": (
        f"{RESNET} on the {UNET}'s candidates. A candidate counts as a nodule if it hits one by the"
        " official rule; one that hits only an excluded finding is left out. Threshold and"
        " temperature are fitted on scans other than those they are applied to.",
        {metrics.PRESENCE: tables.presence},
    ),
    "Are scores probabilities?": (
        "For every detecting system: its mean score minus the share of its candidates that are"
        " nodules, and the expected calibration error; by the candidates' own diameter, since a"
        " false alarm has no nodule to measure. Each system has its own temperature,"
        " fitted on other folds. A candidate that hits only an excluded finding is left out.",
        {metrics.CALIBRATION: tables.calibration},
    ),
    "Confidence as a proxy, and trends over slices": (
        "The weights are frozen: a slope over the slice index describes the order of the slices,"
        " not learning.",
        {metrics.PROXY: tables.proxy, metrics.SLOPES: tables.slopes},
    ),
}
# Sections on the second stage, whose texts and tables say U-Net for the run's first detector.
FOLLOWING = {metrics.PRESENCE, metrics.PROXY, metrics.SLOPES}
COMPARED = (
    "Both systems on the same scans; differences are paired over the same resamples of the scans."
)
COMPARED_BY_SLICE = (
    f" Confidence of a slice: the {RESNET}'s at the {UNET}'s strongest pixel, and the highest score"
    f" of {MASKRCNN}'s instances. Confidences of two networks are not on one scale, so they are"
    " compared both as given, as published (Ho et al.), and calibrated on other scans."
)
NO_MEASURE = (
    f"Here {MASKRCNN} is small and briefly trained, so its numbers are not a measure of the method."
)
NETWORKS_COMPARED = (
    "2-D networks were trained on the same slices in the same random draws, for the same number of"
    " steps, and their candidates are made in the same way; a 3-D network is given volumes and is"
    " trained in its own way. All are scored alike; differences are paired over the same resamples"
    " of the scans. The figures show the time and memory that each takes."
)
GIVEN = (
    "This is not detection: the locations are given (LUNA16's candidates_V2.csv) and only their"
    " probabilities are the network's, so these numbers must not be compared with the CPM of a"
    " system that finds its own locations. The same official rules apply: at most 100 marks per"
    " scan, and a nodule's further hits are ignored. What a system's own candidates reach is given"
    " under Detection: the nodules found by all candidates, without a threshold."
)
INTERVALS = (
    "In brackets: 95 % bootstrap confidence intervals (whole scans resampled; for benign or"
    " malignant: whole patients; for a slope over slices: from its regression). (–): no interval,"
    f" since there are {RULE}, or for the reason in the note. A dash alone: the number is"
    " undefined."
)


def page(
    table: pd.DataFrame,
    detection: Mapping[str, Any],
    trends: Mapping[str, Any] | None,
    explanations: Mapping[str, Any] | None = None,
    comparison: tuple[pd.DataFrame, Mapping[str, Any]] | None = None,
    track: Mapping[str, Any] | None = None,
    small: bool = False,
) -> Page:
    """The page of all numbers. table: `metrics`.

    detection, trends, explanations: JSON files of these names, for their statements; None if the
    ResNet50's tasks give none. comparison: table `comparison` and comparison.json, if Mask R-CNN or
    several detectors were run. track: reduction_track.json, if that was run. small: whether Mask
    R-CNN is only a small baseline. A section without numbers is left out.
    """
    detector = tables.detector_of(table)
    page = Page("Numbers of this run", partial(labelled, small=small))
    page.text(INTERVALS, "note")
    page.heading("At a glance")
    _show(page, tables.glance(table))
    if trends:
        page.heading("Is confidence a proxy for segmentation quality?")
        page.text(str(trends["statement"]), "finding")
    shown = tables.pooled(table)
    for title, (text, builders) in SECTIONS.items():
        parts = {section: tables.of_section(shown, section) for section in builders}
        if any(len(part) for part in parts.values()):
            page.heading(title)
            follows = not FOLLOWING.isdisjoint(builders)
            page.text(following(text, detector) if follows else text)
            if metrics.DETECTION in builders and detection["statement"]:
                page.text(str(detection["statement"]), "finding")
            made = [t for key, part in parts.items() for t in builders[key](part)]
            _show(page, *(t.following(detector) if follows else t for t in made))
    if comparison:
        _compared(page, *comparison, detector, small)
    if track:
        page.heading("LUNA16's false-positive-reduction track")
        page.text(GIVEN)
        page.text(str(track["statement"]), "finding")
        _show(page, *tables.locations(tables.of_section(shown, metrics.LOCATIONS)))
    if explanations:
        page.heading("Attribution maps and sanity check")
        page.text(str(explanations["statement"]), "finding")
        _show(page, *tables.explanations(tables.of_section(table, metrics.EXPLANATIONS)))
    page.heading("CPM of each fold")
    _show(page, tables.by_fold(table))
    return page


def _compared(
    page: Page, table: pd.DataFrame, told: Mapping[str, Any], detector: str, small: bool
) -> None:
    """Add sections on the detectors and on Mask R-CNN, if table `comparison` has such rows."""
    of_maskrcnn = table["other"] == "maskrcnn"
    if not of_maskrcnn.all():
        page.heading("One network against another")
        page.text(NETWORKS_COMPARED)
        _show(page, *tables_of(table[~of_maskrcnn]))
    if of_maskrcnn.any():
        page.heading(f"Two stages against one: {MASKRCNN}")
        of_slices = {measure.key for measure in metrics.of_section(metrics.SLICES)}
        by_slice = COMPARED_BY_SLICE if table["measure"].isin(of_slices).any() else ""
        page.text(following(COMPARED + by_slice, detector))
        if small:
            page.text(NO_MEASURE, "finding")
        for statement in told["statements"].values():
            page.text(str(statement), "finding")
        _show(page, *tables_of(table[of_maskrcnn]))


def _show(page: Page, *shown: MetricTable) -> None:
    """Add tables, the folded ones together at the end."""
    if not shown:
        page.text("None.", "note")
    folded = [table for table in shown if table.folded]
    _tables(page, [table for table in shown if not table.folded])
    if folded:
        with page.details("Other measures by diameter"):
            _tables(page, folded)


def _tables(page: Page, shown: list[MetricTable]) -> None:
    """Add tables with their notes, once for consecutive tables with the same notes."""
    for table, after in zip_longest(shown, shown[1:]):
        page.table(table.rows, table.caption, table.numbers, table.soft)
        if after is None or after.notes != table.notes:
            page.notes(table.notes)
