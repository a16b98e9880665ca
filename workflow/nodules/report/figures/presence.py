"""Figures of the presence ResNet50: ROC, precision and recall, confusion, calibration."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nodules.evaluation import names
from nodules.report import lookup, plotting
from nodules.report.lookup import rows
from nodules.stats.bootstrap import FEWEST


@plotting.styled
def curves(points: pd.DataFrame, scores: Mapping[str, Any]) -> Figure:
    """ROC and precision-recall curves of the candidates, and the confusion matrix.

    points: table `presence_curves`; scores: `presence.json`.
    """
    figure, (roc, pr, matrix) = plotting.panels(3, height=3.1)
    for name in lookup.shown_sets(points):
        found = scores["sets"][name]
        look = plotting.of_set(names.NETWORKS["presence"], name)
        band = rows(points, set=name, curve="roc_band")
        roc.fill_between(band["x"], band["y"], band["high"], color=look["color"], **plotting.SHADE)
        for panel, curve, metric, label in (
            (roc, "roc", "auc", "AUC"),
            (pr, "pr", "average_precision", "AP"),
        ):
            line = rows(points, set=name, curve=curve)
            area = lookup.estimate(found["measures"][metric])
            panel.plot(
                line["x"],
                line["y"],
                drawstyle="steps-pre" if curve == "pr" else "default",
                label=f"{names.SETS[name].name}\n{label} {area}",
                **look,
            )
        share = found["n_positive"] / max(1, found["n_candidates"])
        pr.axhline(share, color=look["color"], linewidth=0.8, linestyle=":")
    roc.plot([0, 1], [0, 1], color=plotting.GREY, linewidth=0.8, linestyle=":")
    roc.set(xlabel="False-positive rate", ylabel="True-positive rate", title="ROC")
    pr.set(xlabel="Recall", ylabel="Precision", title="Precision and recall")
    for panel in (roc, pr):
        panel.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
        plotting.legend_below(panel, title="dotted: chance")
    name = next(iter(scores["sets"]), names.TEST)
    _confusion(matrix, scores["sets"].get(name, {}).get("confusion"), names.SETS[name].name)
    return figure


def _confusion(axes: Axes, cells: Mapping[str, float] | None, where: str) -> None:
    if not cells:
        plotting.empty(axes, "no confusion matrix:\nno threshold could be chosen")
        return
    counts = np.array([[cells["tp"], cells["fn"]], [cells["fp"], cells["tn"]]], float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.25, aspect="equal")
    for (row, column), count in np.ndenumerate(counts):
        text = f"{int(count):,}\n{100 * share[row, column]:.0f} %"
        colour = "white" if share[row, column] > 0.7 else plotting.BLACK
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks([0, 1], ["nodule", "no nodule"])
    axes.set_yticks([0, 1], ["nodule", "no nodule"], rotation=90, va="center")
    axes.set(xlabel=f"{names.RESNET} at threshold {cells['threshold']:.2f}", ylabel="Reference")
    axes.set_title(lookup.sentence(where))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


@plotting.styled
def reliability(bins: pd.DataFrame, scores: Mapping[str, Any]) -> Figure:
    """Share of nodules among similarly confident candidates, before and after temperature scaling.

    bins: table `reliability`; scores: `presence.json`. Error bars are Wilson's 95 % intervals of a
    share, which treat candidates as independent.
    """
    figure, axes = plotting.panels(2, height=4.0)
    for panel, scaled in zip(axes, (False, True), strict=True):
        panel.plot([0, 1], [0, 1], color=plotting.GREY, linewidth=0.9, linestyle=":")
        for name in lookup.shown_sets(bins):
            part = rows(bins, set=name, scaled=scaled)
            part = part[part["n"] > 0].sort_values("confidence")
            found = scores["sets"][name]["calibration"]["after" if scaled else "before"]
            label = (
                f"{names.SETS[name].name} ({lookup.counted(int(part['n'].sum()), 'candidates')})\n"
                f"ECE {lookup.estimate(found['ece'])}\nBrier {lookup.estimate(found['brier'])}"
            )
            whole = scores["sets"][name].get("n_scans", FEWEST) >= FEWEST
            _reliability_line(panel, part, name, label, whole)
        panel.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        panel.set(xlabel="Mean confidence of the bin", ylabel="Share of nodules")
        panel.set_title("After temperature scaling" if scaled else "As the network gives it")
        plotting.legend_below(panel)
    return figure


def _reliability_line(
    axes: Axes, part: pd.DataFrame, name: str, label: str, enough_scans: bool
) -> None:
    """Draw a set's line with bars; marks are hollow if there are too few candidates or scans."""
    look = plotting.of_set(names.NETWORKS["presence"], name)
    count = part["n"].to_numpy() if enough_scans else np.zeros(len(part))
    plotting.shares(axes, part["confidence"], part["nodules"], count, names.SETS[name].marker, look)
    axes.plot(part["confidence"], part["nodules"], label=label, **look)
