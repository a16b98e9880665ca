"""The published experiment's figures: loss and confidence over slices, and what they can show."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nodules.evaluation import names
from nodules.evaluation.names import NETWORKS, RESNET, UNET
from nodules.evaluation.runs import following
from nodules.report import lookup, plotting
from nodules.report.lookup import rows
from nodules.stats.bootstrap import FEWEST

LOSSES = {
    "presence_loss": (RESNET, "nat"),
    "unet_loss": (UNET, "nat per pixel"),
}
OF_RESNET = plotting.colour(names.NETWORKS["presence"])
TASKS = {
    "segmentation": ("1 − Dice of nodules", plotting.colour(names.NETWORKS["unet"])),
    "decision": ("wrong answers on candidates", OF_RESNET),
}
NAMED = 40  # scans at most that are named on the axis
FEWEST_WINDOWS = 3
FEW = 30  # if shuffling gives fewer distinct slopes, each is drawn as a tick
LOWEST = 1e-7  # lower losses, such as 0, are drawn here, since the axis is logarithmic
# Shares from 0 to 1, with room for a note below them.
WITH_FOOT: dict[str, Any] = {"ylim": (-0.17, 1.03), "yticks": np.linspace(0, 1, 6)}
ORDER = "Slice index (scan after scan, feet to head)"


@plotting.styled
def slice_loss(slices: pd.DataFrame, trends: Mapping[str, Any], detector: str) -> Figure:
    """Loss of every slice with its regression line, and beside it the slopes after shuffling.

    slices: table `trend_slices`; trends: `trends.json`; detector: the run's first detector.
    """
    name = lookup.main_set(slices)
    part = rows(slices, set=name).sort_values("index")
    slopes = trends["sets"].get(name, {}).get("slopes", {})
    figure, axes = plotting.panels(2, len(LOSSES), height=2.6, ratios=(1.9, 1))
    for number, (column, (model, unit)) in enumerate(LOSSES.items()):
        model = following(model, detector)
        left, right = axes[2 * number : 2 * number + 2]
        known = part.dropna(subset=[column])
        slope = slopes.get(column)
        if not slope:
            plotting.empty(left, f"too few slices with a {model} loss")
            plotting.empty(right, f"too few slices with a {model} loss")
            continue
        colour = OF_RESNET if column == "presence_loss" else plotting.colour(NETWORKS[detector])
        _losses(left, known, column, slope, colour)
        _name_scans(left, known)
        left.set_ylabel(f"{model} loss ({unit})")
        left.set_title(f"{model}: loss of every slice ({lookup.counted(len(known), 'slices')})")
        _slopes(right, slope, colour)
        right.set_ylabel("Density of shuffles")
    axes[-2].set_xlabel("Scans (last digits of their UIDs), each from feet to head")
    axes[-1].set_xlabel("Slope (loss per 1,000 slices)")
    handles = {
        label: handle
        for panel in axes[:2]
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=3, markerscale=3
    )
    return figure


def _name_scans(axes: Axes, known: pd.DataFrame) -> None:
    """Label the first slice of each scan, or of some if they are many, with its UID's end."""
    first = known.drop_duplicates("seriesuid")
    shown = first.iloc[:: -(-len(first) // NAMED)]
    labels = [f"…{uid[-5:]}" for uid in shown["seriesuid"]]
    axes.set_xticks(shown["index"], labels, rotation=90, fontsize=plotting.SMALLEST)


def _losses(
    axes: Axes, known: pd.DataFrame, column: str, slope: Mapping[str, Any], colour: str
) -> None:
    index = known["index"].to_numpy()
    loss = np.maximum(known[column].to_numpy(), LOWEST)
    present = known["present"].to_numpy(bool)
    for chosen, shade, marker, label in (
        (~present, "0.7", "o", "slice without nodule"),
        (present, plotting.BLACK, "^", "slice with nodule"),
    ):
        axes.plot(
            index[chosen],
            loss[chosen],
            marker,
            color=shade,
            markersize=1.6,
            markeredgewidth=0,
            label=label,
            rasterized=len(loss) > plotting.MANY,
        )
    # Drawn point by point: on a logarithmic axis the line is a curve, and ends where it reaches 0.
    line = slope["intercept"] + slope["slope"] * np.arange(len(index))
    line = np.where(line > LOWEST, line, np.nan)
    axes.plot(index, line, color=colour, label="least-squares line")
    axes.set_yscale("log")
    axes.set_xlim(index.min() - 0.5, index.max() + 0.5)


def _slopes(axes: Axes, slope: Mapping[str, Any], own: str) -> None:
    """Draw the shuffled slopes as a histogram or ticks, and the observed one with its interval."""
    observed, low, high = (_per_1000(slope[key]) for key in ("slope", "low_scans", "high_scans"))
    if low == low:
        words = "its 95 % interval over scans"
        axes.axvspan(float(low), float(high), color=own, label=words, **plotting.SHADE)
    axes.axvline(float(observed), color=own, label="slope in this order")
    for kind, colour, dash, label in (
        ("shuffled", plotting.GREY, "--", "slices shuffled"),
        ("shuffled_scans", plotting.BLACK, "-", "whole scans shuffled"),
    ):
        shuffled = _per_1000(slope[kind])
        distinct = _distinct(shuffled)
        if len(distinct) < FEW:
            # The scans have so few orders that a histogram would show its bins, not the slopes.
            foot = axes.get_xaxis_transform()
            axes.vlines(distinct, 0, 0.14, colour, transform=foot, linewidth=1.6, label=label)
            continue
        axes.hist(
            shuffled,
            bins=40,
            density=True,
            histtype="step",
            color=colour,
            linestyle=dash,
            linewidth=1.3,
            label=label,
        )
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    text = lookup.interval(float(observed), (low, high), ".2g").replace(" (", "\n(", 1)
    axes.set_title(f"slope {text}, p = {slope['p_scans']:.2f}", fontsize=7.5)


def _distinct(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Finite values, sorted, without those that differ only by the rounding of reordered sums."""
    values = np.sort(values[np.isfinite(values)])
    gap = 1e-9 * np.abs(values).max(initial=0)
    return values[np.diff(values, prepend=-np.inf) > gap]


def _per_1000(slope: Any) -> Any:
    return 1000 * np.asarray(np.nan if slope is None else slope, float)


@plotting.styled
def mean_confidence(slices: pd.DataFrame) -> Figure:
    """Running mean of the confidence over the slices, and the mean over all of them.

    slices: table `trend_slices`.
    """
    name = lookup.main_set(slices)
    part = rows(slices, set=name).dropna(subset=["confidence"]).sort_values("index")
    figure, (axes,) = plotting.panels(height=2.6)
    if part.empty:
        plotting.empty(axes, "no slice has a confidence")
        return figure
    for kind, dash, meaning in (
        ("certainty", "-", f"{RESNET}'s confidence in its answer: max(p, 1 − p)"),
        ("confidence", ":", "in a nodule: p"),
    ):
        mean = part[kind].mean()
        axes.plot(
            part["index"],
            part[f"running_{kind}"],
            color=OF_RESNET,
            linestyle=dash,
            label=f"{meaning}; mean over all {mean:.3f}",
        )
    axes.set(xlabel=ORDER, ylabel="Running mean confidence", ylim=(0, 1.02))
    axes.set_xlim(part["index"].min(), part["index"].max())
    scans = part["seriesuid"].nunique()
    axes.set_title(
        f"{lookup.sentence(names.SETS[name].name)}"
        f" ({lookup.counted(len(part), 'slices')} of {scans:,} scans)"
    )
    plotting.legend_below(axes, ncols=2)
    return figure


@plotting.styled
def window_confidence(windows: pd.DataFrame) -> Figure:
    """Mean confidence and loss of the last windows of consecutive slices.

    windows: table `trend_windows`.
    """
    name = lookup.main_set(windows)
    part = rows(windows, set=name).sort_values("window")
    if len(part) < FEWEST_WINDOWS:
        figure, (axes,) = plotting.panels(width=plotting.COLUMN, height=0.8)
        plotting.empty(axes, f"fewer than {FEWEST_WINDOWS} windows of slices: nothing to compare")
        return figure
    figure, (top, bottom) = plotting.panels(1, 2, height=1.8)
    style: dict[str, Any] = {"markersize": 2.5, "linewidth": 0.9, "color": OF_RESNET}
    top.plot(
        part["window"],
        part["certainty"],
        "o-",
        label=f"{RESNET}'s confidence in its answer: max(p, 1 − p)",
        **style,
    )
    top.plot(part["window"], part["confidence"], "s:", label="in a nodule: p", **style)
    top.set(ylabel="Mean confidence", ylim=(0, 1.02))
    figure.legend(*top.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    size = int(part["n"].median())
    which = f"the last {len(part)} windows of {size} slices"
    top.set_title(f"{lookup.sentence(names.SETS[name].name)}: {which}")
    bottom.plot(part["window"], part["presence_loss"], "o-", **style)
    bottom.set(xlabel="Window", ylabel=f"Mean {RESNET} loss (nat)")
    bottom.set_ylim(bottom=0)
    for panel in (top, bottom):
        panel.set_xlim(part["window"].min() - 0.5, part["window"].max() + 0.5)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return figure


@plotting.styled
def confidence_as_proxy(
    nodules: pd.DataFrame,
    bins: pd.DataFrame,
    risk: pd.DataFrame,
    trends: Mapping[str, Any],
    detector: str,
) -> Figure:
    """Confidence against Dice and against correctness, and risk by the share of cases kept.

    nodules: table `proxy_nodules`; bins: `certainty_bins`; risk: `risk_coverage`; trends:
    `trends.json`; detector: the run's first detector, whose regions the Dice is of.
    """
    name = trends["main_set"]
    figure, (dice, right, coverage) = plotting.panels(3, height=2.7)
    if name is None:
        for panel in (dice, right, coverage):
            plotting.empty(panel, "no scans")
        return figure
    found = trends["sets"][name]["proxy"]
    _dice(dice, rows(nodules, set=name), found["confidence_and_dice"]["spearman"])
    dice.set(ylabel=following(f"Dice of the {UNET}'s region", detector))
    enough = found.get("n_candidate_scans", FEWEST) >= FEWEST
    _being_right(right, rows(bins, set=name), found["certainty_and_right"]["auc"], enough)
    _risk(coverage, rows(risk, set=name))
    figure.suptitle(lookup.sentence(names.SETS[name].name), x=0.01, ha="left", fontsize=8)
    return figure


def _dice(axes: Axes, nodules: pd.DataFrame, spearman: Mapping[str, Any]) -> None:
    style: dict[str, Any] = {"markersize": 3.2, "alpha": 0.6, "mec": "none"}
    axes.plot(nodules["confidence"], nodules["dice"], "o", color=OF_RESNET, **style)
    axes.set(xlim=(-0.02, 1.02), **WITH_FOOT)
    axes.set(xlabel=f"{RESNET}'s confidence")
    axes.set_title(f"Quality\n({lookup.counted(len(nodules), 'nodules')})")
    plotting.note(axes, f"Spearman {lookup.estimate(spearman, '.2f')}", (0.02, 0.02))


def _being_right(
    axes: Axes, bins: pd.DataFrame, auc: Mapping[str, Any], enough_scans: bool
) -> None:
    share, count = bins["right"].to_numpy(), bins["n"].to_numpy()
    axes.plot([0.5, 1], [0.5, 1], color=plotting.GREY, linestyle=":", linewidth=0.9)
    axes.plot(bins["certainty"], share, color=OF_RESNET)
    counted = count if enough_scans else np.zeros(len(count))
    plotting.shares(axes, bins["certainty"], share, counted, "o", {"color": OF_RESNET})
    axes.set(xlim=(0.49, 1.01), **WITH_FOOT)
    axes.set(xlabel="Confidence in the answer", ylabel="Share of correct answers")
    axes.set_title(f"Correctness\n({lookup.counted(int(count.sum()), 'candidates')})")
    plotting.note(axes, f"AUC {lookup.estimate(auc, '.2f')}", (0.02, 0.02))


def _risk(axes: Axes, risk: pd.DataFrame) -> None:
    for task, (label, colour) in TASKS.items():
        line = rows(risk, task=task).sort_values("coverage")
        axes.fill_between(
            line["coverage"], line["low"], line["high"], color=colour, alpha=0.15, linewidth=0
        )
        axes.plot(line["coverage"], line["risk"], color=colour, label=label)
        axes.plot(line["coverage"], line["oracle"], color=colour, linestyle=":", linewidth=1)
    axes.set(xlim=(0, 1.0), xlabel="Share kept, most confident first")
    axes.set(ylabel="Mean risk of those kept")
    axes.set_ylim(0, max(0.1, axes.get_ylim()[1]) * 1.45)
    bands = "95 % bands; " if risk["low"].notna().any() else ""
    axes.legend(title=f"{bands}dotted: best order", loc="upper left")
    axes.set_title("Risk and coverage")
