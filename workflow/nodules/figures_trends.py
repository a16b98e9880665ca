"""The published figures: loss and confidence over test slices, and what they can and cannot say."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nodules import figures, plotting
from nodules.figures import rows

LOSSES = {
    "resnet_loss": ("ResNet50", "nat"),
    "unet_loss": ("U-Net", "nat per pixel"),
}
LOWEST = 1e-7  # a loss of exactly 0 is drawn here, at the foot of a logarithmic axis
ORDER = "Slice index (scan after scan, feet to head)"


@plotting.styled
def slice_loss(slices: pd.DataFrame, slopes: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Loss of every slice with its regression line; beside it the slope under shuffled order.

    slices: table `trend_slices`; slopes: for each loss column `slope` and `intercept` (per slice
    index), `low`, `high`, `p` and `shuffled`, the slopes of the same losses in random orders.
    """
    part = rows(slices, set=figures.main_set(slices)).sort_values("index")
    figure, axes = plotting.panels(2, len(LOSSES), height=2.8, width=9.0, ratios=(1.7, 1))
    for number, (column, (model, unit)) in enumerate(LOSSES.items()):
        left, right = axes[2 * number : 2 * number + 2]
        known = part.dropna(subset=[column])
        slope = slopes.get(column)
        if known.empty or not slope:
            plotting.empty(left, f"no {model} loss")
            plotting.empty(right, f"no {model} loss")
            continue
        _losses(left, known, column, slope)
        left.set_ylabel(f"{model} loss ({unit})")
        left.set_title(f"{model}: loss of every slice ({figures.counted(len(known), 'slices')})")
        _shuffled(right, slope)
    axes[-2].set_xlabel(ORDER)
    axes[-1].set_xlabel("Slope (loss per 1,000 slices)")
    return figure


def _losses(axes: Axes, known: pd.DataFrame, column: str, slope: Mapping[str, Any]) -> None:
    index = known["index"].to_numpy()
    loss = np.maximum(known[column].to_numpy(), LOWEST)
    present = known["present"].to_numpy(bool)
    for chosen, colour, label in (
        (~present, plotting.SKY, "slice without nodule"),
        (present, plotting.ORANGE, "slice with nodule"),
    ):
        axes.plot(
            index[chosen],
            loss[chosen],
            ".",
            color=colour,
            markersize=2.6,
            label=f"{label} (n = {int(chosen.sum()):,})",
            rasterized=len(loss) > plotting.MANY,
        )
    line = np.maximum(slope["intercept"] + slope["slope"] * index, LOWEST)
    axes.plot(index, line, color=plotting.BLACK, label="least-squares line (bent by the log axis)")
    axes.set_yscale("log")
    axes.set_xlim(index.min() - 0.5, index.max() + 0.5)
    # Room above the highest loss, so that the legend hides nothing.
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.3)
    axes.legend(loc="upper left", ncols=3, markerscale=3, fontsize=7, columnspacing=1)


def _shuffled(axes: Axes, slope: Mapping[str, Any]) -> None:
    """Histogram of the shuffled slopes, with the observed slope and its interval."""
    shuffled = 1000 * np.asarray(slope["shuffled"], float)
    observed, low, high = (1000 * float(slope[key]) for key in ("slope", "low", "high"))
    axes.hist(shuffled, bins=40, color=plotting.GREY, alpha=0.55, label="shuffled order")
    axes.axvspan(low, high, color=plotting.VERMILION, alpha=0.13, linewidth=0)
    axes.axvline(observed, color=plotting.VERMILION, label="this order, 95 % interval shaded")
    axes.axvline(0, color=plotting.BLACK, linewidth=0.7, linestyle=":")
    axes.set_ylabel("Shuffles")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.55)
    text = f"slope {plotting.interval(observed, (low, high), '.2g')}"
    plotting.note(axes, f"{text}\np = {slope['p']:.3f}, {len(shuffled):,} shuffles", (0.02, 0.97))
    axes.legend(loc="upper left", bbox_to_anchor=(0, 0.8), fontsize=7)


@plotting.styled
def mean_confidence(slices: pd.DataFrame) -> Figure:
    """Mean confidence up to and including each slice, and of all slices.

    slices: table `trend_slices`.
    """
    name = figures.main_set(slices)
    part = rows(slices, set=name).dropna(subset=["confidence"]).sort_values("index")
    figure, (axes,) = plotting.panels(height=3.3)
    if part.empty:
        plotting.empty(axes, "no slice has a confidence")
        return figure
    for kind, colour, dash, meaning in (
        ("certainty", plotting.BLUE, "-", "in its answer: max(p, 1 − p)"),
        ("confidence", plotting.VERMILION, "--", "in a nodule: p"),
    ):
        mean = part[kind].mean()
        axes.plot(
            part["index"],
            part[f"running_{kind}"],
            color=colour,
            linestyle=dash,
            label=f"confidence {meaning}; mean of all {mean:.3f}",
        )
    axes.set(xlabel=ORDER, ylabel="Mean confidence so far", ylim=(0, 1.02))
    axes.set_xlim(part["index"].min(), part["index"].max())
    scans = part["seriesuid"].nunique()
    axes.set_title(
        f"{figures.SETS[name].capitalize()}"
        f" ({figures.counted(len(part), 'slices')} of {scans:,} scans)"
    )
    axes.legend(loc="center right", title="ResNet50's")
    return figure


@plotting.styled
def window_confidence(windows: pd.DataFrame) -> Figure:
    """Mean confidence and loss of the last windows of consecutive slices.

    windows: table `trend_windows`.
    """
    name = figures.main_set(windows)
    part = rows(windows, set=name).sort_values("window")
    figure, (top, bottom) = plotting.panels(1, 2, height=2.4)
    if part.empty:
        plotting.empty(top, "too few slices for a window")
        plotting.empty(bottom, "too few slices for a window")
        return figure
    style = {"markersize": 3.5, "linewidth": 1.0}
    top.plot(part["window"], part["certainty"], "o-", label="in its answer: max(p, 1 − p)", **style)
    top.plot(part["window"], part["confidence"], "s--", label="in a nodule: p", **style)
    top.set(ylabel="Mean confidence", ylim=(0, 1.02))
    top.legend(title="ResNet50's confidence", loc="center right")
    size = int(part["n"].median())
    top.set_title(
        f"{figures.SETS[name].capitalize()}: the last {len(part)} windows of {size} slices"
    )
    bottom.plot(part["window"], part["resnet_loss"], "o-", color=plotting.GREEN, **style)
    bottom.set(xlabel="Window", ylabel="Mean ResNet50 loss (nat)")
    bottom.set_ylim(bottom=0)
    for panel in (top, bottom):
        panel.set_xlim(part["window"].min() - 0.5, part["window"].max() + 0.5)
        panel.xaxis.get_major_locator().set_params(integer=True)
    return figure


@plotting.styled
def confidence_as_proxy(
    nodules: pd.DataFrame, bins: pd.DataFrame, risk: pd.DataFrame, findings: Mapping[str, str]
) -> Figure:
    """Confidence against Dice, against being right, and what rejecting the unsure would gain.

    nodules: one row a detected nodule with confidence and dice; bins: certainty, right (share)
    and n; risk: table `risk_coverage`; findings: a line of text for the first two panels.
    """
    figure, (dice, right, coverage) = plotting.panels(3, width=10.0, height=3.3)
    dice.plot(nodules["confidence"], nodules["dice"], "o", ms=4, alpha=0.6, mec="none")
    dice.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    dice.set(xlabel="ResNet50's confidence in the nodule", ylabel="Dice of the U-Net's region")
    dice.set_title(f"Quality ({figures.counted(len(nodules), 'nodules')})")
    plotting.note(dice, findings.get("dice", ""), (0.03, 0.03))
    _being_right(right, bins)
    plotting.note(right, findings.get("right", ""), (0.03, 0.03))
    _risk(coverage, risk)
    return figure


def _being_right(axes: Axes, bins: pd.DataFrame) -> None:
    axes.plot([0.5, 1], [0.5, 1], color=plotting.GREY, linestyle=":", linewidth=0.9)
    axes.plot(bins["certainty"], bins["right"], "o-", color=plotting.GREEN, markersize=4)
    axes.set(xlim=(0.49, 1.01), ylim=(-0.02, 1.02))
    axes.set(xlabel="Confidence in the answer: max(p, 1 − p)", ylabel="Share of answers right")
    axes.set_title(f"Being right ({figures.counted(int(bins['n'].sum()), 'candidates')})")


def _risk(axes: Axes, risk: pd.DataFrame) -> None:
    labels = {
        "segmentation": ("1 − Dice of nodules", plotting.BLUE),
        "decision": ("wrong answers, candidates", plotting.GREEN),
    }
    name = figures.main_set(risk)
    for task, (label, colour) in labels.items():
        line = rows(risk, set=name, task=task).sort_values("coverage")
        axes.fill_between(
            line["coverage"], line["low"], line["high"], color=colour, alpha=0.15, linewidth=0
        )
        axes.plot(line["coverage"], line["risk"], color=colour, label=label)
        axes.plot(line["coverage"], line["oracle"], color=colour, linestyle=":", linewidth=1)
    axes.set(xlim=(0, 1.0), xlabel="Share kept, the surest first", ylabel="Mean risk of those kept")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.4)
    axes.legend(title="Risk (dotted: the best order)", loc="upper left")
    axes.set_title("Risk and coverage")
