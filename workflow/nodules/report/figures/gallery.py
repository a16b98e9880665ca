"""The gallery's pictures: hits, misses and false alarms in three planes, with their numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, withStroke

from nodules.evaluation.names import UNET
from nodules.evaluation.runs import following
from nodules.report import plotting
from nodules.report.gallery import Case, Mask, View
from nodules.report.planes import VIEW_MM, VIEW_PX, WINDOW_TEXT

LUNG_WINDOW = f"CT, lung window {WINDOW_TEXT}"
BAR_MM = 10.0
PER_ROW = 2  # cases, three planes each
ROW, HEAD = 1.92, 0.62  # inches
STRIP = 3  # cases in each of the first page's strips
HEADINGS = {
    "hits": f"Nodules that the {UNET} found, from the most to the least confident",
    "misses": f"Nodules that no candidate of the {UNET} hits, from the largest to the smallest",
    "false_alarms": f"Candidates of the {UNET} on no nodule, most confident first",
}
NONE = {
    "hits": f"The {UNET} found no nodules.",
    "misses": "No nodules were missed.",
    "false_alarms": "There were no false alarms.",
}
# Outlines: attribute of a View, label, colour, line style; later ones are drawn on top.
LINES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("others", "other candidates", plotting.PURPLE, {"linewidths": 0.8, "linestyles": "dotted"}),
    ("readers", "single readers", "#FFFFFF", {"linewidths": 0.4, "linestyles": "solid"}),
    ("consensus", "readers' consensus", plotting.SKY, {"linewidths": 1.0, "linestyles": "solid"}),
    (
        "own",
        f"{UNET}'s candidate",
        plotting.ORANGE,
        {"linewidths": 1.1, "linestyles": "dashed"},
    ),
)
OVER_CT: list[AbstractPathEffect] = [withStroke(linewidth=1.6, foreground="black")]


@plotting.styled
def draw(
    kind: str, cases: Sequence[Case], total: int, detector: str, window: str = LUNG_WINDOW
) -> Figure:
    """Cases of one kind, each in three planes with its numbers below.

    total: number of cases of the kind in all; window: words on the HU window.
    """
    rows = max(1, -(-len(cases) // PER_ROW))
    figure = Figure(figsize=(plotting.WIDTH, HEAD + rows * ROW))
    heading = following(HEADINGS[kind], detector)
    shown = f"{len(cases):,} of {total:,}"
    _place_text(figure, 0, 0.03, f"{heading} ({shown})", weight="bold", size=8)
    _place_text(figure, 0, 0.19, f"{window}; axial, coronal, sagittal; bars: {BAR_MM:g} mm")
    _legend(figure, detector)
    for number, case in enumerate(cases):
        _draw_case(figure, case, number // PER_ROW, number % PER_ROW)
    if not cases:
        none = following(NONE[kind], detector)
        figure.text(0.5, 0.3, none, ha="center", va="center", fontsize=9)
    return figure


@plotting.styled
def strip(cases: Sequence[Case]) -> Figure:
    """Axial planes of the first STRIP cases, each with its confidence or diameter alone."""
    side = plotting.WIDTH / 2 / STRIP
    figure = Figure(figsize=(side * STRIP, side), facecolor="black")
    for number, case in enumerate(cases[:STRIP]):
        axes = figure.add_axes((number / STRIP + 0.003, 0, 1 / STRIP - 0.006, 1))
        _draw_view(axes, case.views[0])
        said = axes.text(0.04, 0.95, case.title.split(", ", 1)[1], transform=axes.transAxes)
        said.set(color="white", fontsize=7, va="top", path_effects=OVER_CT)
    if not cases:
        figure.text(0.5, 0.5, "none", ha="center", va="center", color="white", fontsize=9)
    return figure


def _draw_case(figure: Figure, case: Case, row: int, column: int) -> None:
    """Draw title, three planes and lines of text of a case at its place in the grid."""
    width, height = figure.get_size_inches()
    across = 1 / PER_ROW
    left = column * across + 0.004
    top = HEAD + row * ROW
    _place_text(figure, left, top, case.title, weight="bold")
    side = (across - 0.02) / 3
    for number, view in enumerate(case.views):
        tall = side * width / height * 0.94
        low = 1 - (top + 0.14) / height - tall
        axes = figure.add_axes((left + number * side, low, side * 0.965, tall))
        _draw_view(axes, view)
    under = top + 0.19 + side * width * 0.94
    for number, line in enumerate(case.lines):
        _place_text(figure, left, under + 0.115 * number, line)


def _draw_view(axes: Axes, view: View) -> None:
    """Draw one plane with its outlines, a scale bar and the letters of its sides."""
    half = VIEW_MM / 2
    extent = (-half, half, half, -half)
    axes.imshow(view.grey, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="bilinear")
    for attribute, _, colour, line in LINES:
        for mask in getattr(view, attribute):
            _outline(axes, mask, colour, line)
    axes.set(xlim=(-half, half), ylim=(half, -half), xticks=[], yticks=[], facecolor="black")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    right = half * 0.9
    (bar,) = axes.plot([right - BAR_MM, right], [half * 0.88] * 2, color="white", linewidth=1.6)
    bar.set_solid_capstyle("butt")
    (backing,) = axes.plot(*bar.get_data(), color="black", linewidth=3.2, zorder=bar.zorder - 0.1)
    backing.set_solid_capstyle("projecting")
    for text, place in zip(view.plane.sides, (-0.93, 0.93), strict=True):
        side = axes.text(place * half, 0, text, color="white", fontsize=7, va="center", ha="center")
        side.set_path_effects(OVER_CT)


def _outline(axes: Axes, mask: Mask, colour: str, line: dict[str, Any]) -> None:
    places = (np.arange(VIEW_PX) + 0.5) * VIEW_MM / VIEW_PX - VIEW_MM / 2
    axes.contour(places, places, mask, [0.5], colors=colour, **line)


def _place_text(
    figure: Figure, left: float, down: float, text: str, weight: str = "normal", size: float = 7
) -> None:
    """Write text at a fraction of the figure's width, and `down` inches from its top."""
    height = figure.get_size_inches()[1]
    figure.text(left, 1 - down / height, text, va="top", ha="left", fontsize=size, weight=weight)


def _legend(figure: Figure, detector: str) -> None:
    handles = [
        Line2D([], [], color=colour, linewidth=1.4, linestyle=line["linestyles"], label=words)
        for words, colour, line in (
            (following(words, detector), colour, line) for _, words, colour, line in LINES
        )
    ]
    height = figure.get_size_inches()[1]
    legend = figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, 1 - 0.33 / height),
        ncols=len(handles),
        fontsize=7,
        borderpad=0.35,
        borderaxespad=0,
    )
    legend.get_frame().set(facecolor="0.2", alpha=1)
    for text in legend.get_texts():
        text.set_color("white")
