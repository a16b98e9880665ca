"""Figures of detection, classification and segmentation scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nodules import figures, froc, plotting
from nodules.figures import rows
from nodules.froc_figure import DASHES, MARKERS
from nodules.froc_report import RATE_LABELS


@plotting.styled
def froc_curves(curves: pd.DataFrame, detection: Mapping[str, Any]) -> Figure:
    """Sensitivity over false positives a scan, a panel for each set, a line for each system.

    curves: table `froc` (its band points are drawn); detection: `detection.json`.
    """
    bands = rows(curves, point="band")
    sets = figures.shown_sets(bands)
    figure, axes = plotting.panels(max(1, len(sets)), height=4.6)
    for panel, name in zip(axes, sets, strict=False):
        part = rows(bands, set=name)
        for number, system in enumerate(s for s in figures.SYSTEMS if s in set(part["system"])):
            line = rows(part, system=system).sort_values("fp_per_scan")
            score = detection["systems"][system][name]
            cpm = plotting.interval(score["cpm"], score["cpm_ci"])
            _froc_line(panel, line, number, f"{figures.SYSTEMS[system]}\nCPM {cpm}")
            size = f"{score['n_nodules']:,} nodules, {score['n_scans']:,} scans"
        panel.set_xscale("log", base=2)
        panel.set_xticks(froc.RATES, RATE_LABELS)
        panel.minorticks_off()
        panel.set(xlim=(froc.RATES[0], froc.RATES[-1]), ylim=(0, 1.02))
        panel.set_yticks(np.linspace(0, 1, 6))
        panel.set_xlabel("False positives per scan")
        panel.set_title(f"{figures.SETS[name].capitalize()}\n{size}")
        plotting.legend_below(panel, title="band and brackets: 95 % over scans")
    axes[0].set_ylabel("Sensitivity (share of nodules found)")
    if not sets:
        plotting.empty(axes[0], "no FROC curve: no nodules in the scans of this run")
    return figure


def _froc_line(axes: Axes, line: pd.DataFrame, number: int, label: str) -> None:
    colour = plotting.CYCLE[number]
    x, y = line["fp_per_scan"].to_numpy(), line["sensitivity"].to_numpy()
    axes.fill_between(x, line["low"], line["high"], color=colour, alpha=0.15, linewidth=0)
    axes.plot(x, y, color=colour, linestyle=DASHES[number % 4], label=label)
    at_rates = np.isclose(x[:, None], froc.RATES).any(axis=1)
    axes.plot(x[at_rates], y[at_rates], MARKERS[number % 5], color=colour, ms=4.5, clip_on=False)


@plotting.styled
def classification(curves: pd.DataFrame, scores: Mapping[str, Any]) -> Figure:
    """ROC and precision-recall curves of the candidates, and the confusion matrix.

    curves: table `classification_curves`; scores: `classification.json`.
    """
    figure, (roc, pr, matrix) = plotting.panels(3, height=4.1, width=9.6, ratios=(1, 1, 0.95))
    for name in figures.shown_sets(curves):
        found = scores["sets"][name]
        colour = figures.SET_COLOURS[name]
        for panel, curve, metric, label in (
            (roc, "roc", "auc", "AUC"),
            (pr, "pr", "average_precision", "AP"),
        ):
            line = rows(curves, set=name, curve=curve)
            area = figures.estimate(found["measures"][metric])
            panel.plot(
                line["x"],
                line["y"],
                color=colour,
                linestyle="-" if name == "test" else "--",
                drawstyle="steps-pre" if curve == "pr" else "default",
                label=f"{figures.SETS[name]}\n{label} {area}",
            )
        share = found["n_positive"] / max(1, found["n_candidates"])
        pr.axhline(share, color=colour, linewidth=0.8, linestyle=":")
    roc.plot([0, 1], [0, 1], color=plotting.GREY, linewidth=0.8, linestyle=":")
    roc.set(xlabel="False-positive rate", ylabel="True-positive rate", title="ROC")
    pr.set(xlabel="Recall", ylabel="Precision", title="Precision and recall")
    for panel in (roc, pr):
        panel.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
        plotting.legend_below(panel, title="dotted: chance")
    name = next(iter(scores["sets"]), "test")
    _confusion(matrix, scores["sets"].get(name, {}).get("confusion"), figures.SETS[name])
    return figure


def _confusion(axes: Axes, cells: Mapping[str, float] | None, where: str) -> None:
    if not cells:
        plotting.empty(axes, "no confusion matrix:\nno threshold could be chosen")
        return
    counts = np.array([[cells["tp"], cells["fn"]], [cells["fp"], cells["tn"]]], float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.25, aspect="equal")
    for (row, column), count in np.ndenumerate(counts):
        text = f"{int(count):,}\n{share[row, column]:.0%}"
        colour = "white" if share[row, column] > 0.7 else plotting.BLACK
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=10)
    axes.set_xticks([0, 1], ["nodule", "no nodule"])
    axes.set_yticks([0, 1], ["nodule", "no nodule"], rotation=90, va="center")
    axes.set(xlabel=f"ResNet50 at threshold {cells['threshold']:.2f}", ylabel="Truth")
    axes.set_title(where.capitalize())
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


@plotting.styled
def reliability(bins: pd.DataFrame, scores: Mapping[str, Any]) -> Figure:
    """Share of nodules among candidates of like confidence, before and after temperature scaling.

    bins: table `reliability`; scores: `classification.json`. Error bars are Wilson's 95 %
    intervals of a share, which take candidates as independent.
    """
    figure, axes = plotting.panels(2, height=4.8)
    for panel, scaled in zip(axes, (False, True), strict=True):
        panel.plot([0, 1], [0, 1], color=plotting.GREY, linewidth=0.9, linestyle=":")
        for name in figures.shown_sets(bins):
            part = rows(bins, set=name, scaled=scaled)
            part = part[part["n"] > 0].sort_values("confidence")
            found = scores["sets"][name]["calibration"]["after" if scaled else "before"]
            label = (
                f"{figures.SETS[name]} ({figures.counted(int(part['n'].sum()), 'candidates')})\n"
                f"ECE {figures.estimate(found['ece'])}\nBrier {figures.estimate(found['brier'])}"
            )
            _reliability_line(panel, part, name, label)
        panel.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        panel.set(xlabel="Mean confidence of the bin", ylabel="Share that are nodules")
        panel.set_title("After temperature scaling" if scaled else "As the network gives it")
        plotting.legend_below(panel)
    return figure


def _reliability_line(axes: Axes, part: pd.DataFrame, name: str, label: str) -> None:
    low, high = plotting.wilson(part["nodules"].to_numpy(), part["n"].to_numpy())
    share = part["nodules"].to_numpy()
    axes.errorbar(
        part["confidence"],
        share,
        yerr=np.maximum([share - low, high - share], 0),
        color=figures.SET_COLOURS[name],
        marker="o" if name == "test" else "s",
        linestyle="-" if name == "test" else "--",
        markersize=4,
        linewidth=1.1,
        elinewidth=0.9,
        capsize=2,
        label=label,
    )


@plotting.styled
def dice_by_diameter(segmentation: pd.DataFrame) -> Figure:
    """3-D Dice against the readers' consensus by diameter class, a panel for each set.

    segmentation: table `segmentation`. A missed nodule counts with Dice 0.
    """
    sets = figures.shown_sets(segmentation)
    figure, axes = plotting.panels(1, max(1, len(sets)), height=3.1)
    classes = list(segmentation.groupby("diameter_class")["diameter_mm"].min().sort_values().index)
    shown = [c for c in figures.COMPARISONS if c in set(segmentation["comparison"])]
    width = 0.81 / max(1, len(shown))
    places = width * (np.arange(len(shown)) + 0.5) - 0.405
    for panel, name in zip(axes, sets, strict=False):
        part = rows(segmentation, set=name)
        for place, comparison in zip(places, shown, strict=True):
            _boxes(panel, rows(part, comparison=comparison), classes, comparison, place, width)
        panel.set_xticks(range(len(classes)), [_class_label(part, c) for c in classes])
        panel.set(xlim=(-0.5, len(classes) - 0.5), ylim=(-0.02, 1.02), ylabel="Dice")
        panel.set_title(figures.SETS[name].capitalize())
        panel.grid(visible=False, axis="x")
    axes[-1].set_xlabel("Diameter of the nodule")
    legend = [
        Patch(facecolor=figures.COMPARISON_COLOURS[c], alpha=0.6, label=label)
        for c, label in figures.COMPARISONS.items()
        if c in shown
    ]
    figure.legend(handles=legend, loc="outside upper center", ncols=len(shown) or 1)
    if not sets:
        plotting.empty(axes[0], "no nodule has a reader consensus")
    return figure


def _class_label(part: pd.DataFrame, name: str) -> str:
    nodules = rows(part, diameter_class=name)[["seriesuid", "nodule"]].drop_duplicates()
    return f"{name.replace('>=', '≥ ').replace('<', '< ')} mm\nn = {len(nodules)}"


def _boxes(
    axes: Axes,
    part: pd.DataFrame,
    classes: list[str],
    comparison: str,
    shift: float,
    width: float,
) -> None:
    """Quartile boxes with every value as a dot, one box for each diameter class."""
    colour = figures.COMPARISON_COLOURS[comparison]
    for place, name in enumerate(classes):
        values = rows(part, diameter_class=name)["dice"].dropna().to_numpy()
        if not len(values):
            continue
        # Spread evenly in the order of value, so that the same table gives the same picture.
        spread = (0.5 + np.argsort(np.argsort(values)) * 0.618) % 1 - 0.5
        axes.plot(
            place + shift + 0.6 * width * spread,
            values,
            ".",
            color=colour,
            markersize=3,
            alpha=0.6,
            rasterized=len(values) > plotting.MANY,
        )
        box = axes.boxplot(
            values,
            positions=[place + shift],
            widths=0.78 * width,
            manage_ticks=False,
            showfliers=False,
            patch_artist=True,
        )
        for patch in box["boxes"]:
            patch.set(facecolor=colour, alpha=0.28, edgecolor=colour)
        for line in (*box["medians"], *box["whiskers"], *box["caps"]):
            line.set(color=colour, linewidth=1.1)
        for line in box["medians"]:
            line.set(linewidth=2.2)
