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


@plotting.styled
def curves(points: pd.DataFrame, scores: Mapping[str, Any]) -> Figure:
    """ROC and precision-recall curves of the candidates, and the confusion matrix.

    points: table `presence_curves`; scores: `presence.json`.
    """
    figure, (roc, pr, matrix) = plotting.panels(3, height=4.1, width=9.6, ratios=(1, 1, 0.95))
    for name in lookup.shown_sets(points):
        found = scores["sets"][name]
        colour = plotting.colour(names.SETS[name])
        for panel, curve, metric, label in (
            (roc, "roc", "auc", "AUC"),
            (pr, "pr", "average_precision", "AP"),
        ):
            line = rows(points, set=name, curve=curve)
            area = lookup.estimate(found["measures"][metric])
            panel.plot(
                line["x"],
                line["y"],
                color=colour,
                linestyle=names.SETS[name].dash,
                drawstyle="steps-pre" if curve == "pr" else "default",
                label=f"{names.SETS[name].name}\n{label} {area}",
            )
        share = found["n_positive"] / max(1, found["n_candidates"])
        pr.axhline(share, color=colour, linewidth=0.8, linestyle=":")
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
        text = f"{int(count):,}\n{share[row, column]:.0%}"
        colour = "white" if share[row, column] > 0.7 else plotting.BLACK
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=10)
    axes.set_xticks([0, 1], ["nodule", "no nodule"])
    axes.set_yticks([0, 1], ["nodule", "no nodule"], rotation=90, va="center")
    axes.set(xlabel=f"{names.RESNET} at threshold {cells['threshold']:.2f}", ylabel="Truth")
    axes.set_title(lookup.sentence(where))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


@plotting.styled
def reliability(bins: pd.DataFrame, scores: Mapping[str, Any]) -> Figure:
    """Share of nodules among candidates of like confidence, before and after temperature scaling.

    bins: table `reliability`; scores: `presence.json`. Error bars are Wilson's 95 %
    intervals of a share, which take candidates as independent.
    """
    figure, axes = plotting.panels(2, height=4.8)
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
            _reliability_line(panel, part, names.SETS[name], label)
        panel.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        panel.set(xlabel="Mean confidence of the bin", ylabel="Share that are nodules")
        panel.set_title("After temperature scaling" if scaled else "As the network gives it")
        plotting.legend_below(panel)
    return figure


def _reliability_line(axes: Axes, part: pd.DataFrame, own: names.ScanSet, label: str) -> None:
    low, high = plotting.wilson(part["nodules"].to_numpy(), part["n"].to_numpy())
    share = part["nodules"].to_numpy()
    axes.errorbar(
        part["confidence"],
        share,
        yerr=np.maximum([share - low, high - share], 0),
        color=plotting.colour(own),
        marker=own.marker,
        linestyle=own.dash,
        markersize=4,
        linewidth=1.1,
        elinewidth=0.9,
        capsize=2,
        label=label,
    )
