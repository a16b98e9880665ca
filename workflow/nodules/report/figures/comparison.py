"""Figures of systems side by side: confidence over slices, time and memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nodules.evaluation import names
from nodules.report import lookup, plotting
from nodules.report.lookup import rows

STAGES = {"confidence": "As the networks give it", "calibrated": "Calibrated on other scans"}


@plotting.styled
def confidence_by_system(slices: pd.DataFrame, comparison: pd.DataFrame) -> Figure:
    """Mean confidence in the answer over the slices, and distributions, as given and calibrated.

    slices: table `comparison_slices`; comparison: table `comparison`, for the differences.
    """
    name = lookup.main_set(slices)
    part = rows(slices, set=name)
    figure, axes = plotting.panels(2, 2, height=3.5, width=8.2)
    for number, (column, title) in enumerate(STAGES.items()):
        left, right = axes[2 * number : 2 * number + 2]
        known = part.dropna(subset=[column])
        if known.empty:
            for panel in (left, right):
                plotting.empty(panel, "no slice has such a confidence")
            continue
        stage = "raw" if column == "confidence" else column
        found = rows(comparison, set=name, measure="slice_certainty", stage=stage)
        gaps = [
            "\ndifference " + lookup.interval(row.difference, (row.low, row.high), "+.3f")
            for row in found.itertuples()
        ]
        _running(left, known, column, "".join(["mean over all slices", *gaps]))
        left.set_title(title)
        left.set_ylabel("Mean confidence in the answer so far")
        _distributions(right, known, column)
        right.set_title(f"Distribution: {title[0].lower()}{title[1:]}")
    axes[2].set_xlabel("Slices, scan after scan, from feet to head")
    axes[3].set_xlabel("Confidence in a nodule, p")
    n = lookup.counted(part["index"].nunique(), "slices")
    handles, labels = axes[3].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=2)
    where = f"{lookup.sentence(names.SETS[name].name)}, {n}, scans: {part['seriesuid'].nunique():,}"
    figure.suptitle(where, fontsize=9.5, x=0.01, ha="left")
    return figure


def _running(axes: Axes, part: pd.DataFrame, column: str, title: str) -> None:
    """The mean of max(p, 1 - p) over this and all earlier slices, by system."""
    for system in names.present(names.SYSTEMS.values(), set(part["system"])):
        own = rows(part, system=system.key).sort_values("index")
        certainty = np.maximum(own[column], 1 - own[column])
        running = certainty.expanding().mean()
        label = f"{system.name}: {certainty.mean():.3f}"
        colour = plotting.colour(system)
        axes.plot(own["index"], running, color=colour, ls=system.dash, label=label)
    axes.set_ylim(0.5, 1.01)  # the answer is the likelier of two
    axes.set_xlim(0, max(1, part["index"].max()))
    axes.legend(loc="best", title=title, alignment="left")


def _distributions(axes: Axes, part: pd.DataFrame, column: str) -> None:
    """Share of the slices at or below each confidence: thick with a nodule, thin without."""
    for system in names.present(names.SYSTEMS.values(), set(part["system"])):
        for present, width, words in ((True, 2.4, "nodule"), (False, 1.1, "no nodule")):
            values = rows(part, system=system.key, present=present)[column].to_numpy()
            if not len(values):
                continue
            axes.ecdf(
                values,
                color=plotting.colour(system),
                ls=system.dash,
                lw=width,
                label=f"{system.name}, {words}",
            )
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02), ylabel="Share of slices at or below")


@plotting.styled
def system_costs(costs: pd.DataFrame) -> Figure:
    """Training time of a fold, time to judge a scan, and peak memory, by system.

    costs: table `system_costs`. Networks of a system follow each other, so their times add up and
    of their memories the greatest counts. A scan is judged by one fold's networks.
    """
    figure, axes = plotting.panels(3, height=2.9, width=8.2)
    systems = [s for s in names.SYSTEMS if s in set(costs["system"])]
    if not systems:
        for panel in axes:
            plotting.empty(panel, "no network was measured")
        return figure
    folds = costs[costs["part"] != names.TEST]
    each = folds.assign(per_scan=folds["seconds"] / folds["scans"].clip(lower=1))
    training, inference = (rows(each, step=step) for step in ("training", "inference"))
    _stacked(axes[0], training.groupby(["system", "model"])["seconds"].mean(), systems)
    axes[0].set(xlabel="s", title="Training, one fold")
    _stacked(axes[1], inference.groupby(["system", "model"])["per_scan"].mean(), systems)
    axes[1].set(xlabel="s", title="Inference, one scan")
    _memory(axes[2], costs.groupby(["system", "step"])["peak_mb"].max() / 1000, systems)
    axes[0].set_yticks(range(len(systems)), [names.SYSTEMS[s].name for s in systems])
    for panel in axes:
        panel.set_ylim(len(systems) - 0.4, -0.6)
        panel.grid(visible=False, axis="y")
    for panel in axes[1:]:
        panel.set_yticks([])
    models = names.present(names.NETWORKS.values(), set(costs["model"]))
    handles = [Patch(color=plotting.colour(m), label=m.name) for m in models]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _stacked(axes: Axes, means: Mapping[Any, float], systems: list[str]) -> None:
    """A bar for each system, a part for each of its networks, the sum at its end."""
    highest = 0.0
    for place, system in enumerate(systems):
        end = 0.0
        for network in names.SYSTEMS[system].networks:
            width = dict(means).get((system, network), 0.0)
            colour = plotting.colour(names.NETWORKS[network])
            axes.barh(place, width, 0.6, left=end, color=colour)
            end += width
        _value(axes, end, place, f"{end:.3g}")
        highest = max(highest, end)
    axes.set_xlim(0, highest * 1.25 or 1)


def _memory(axes: Axes, peaks: Mapping[Any, float], systems: list[str]) -> None:
    """Two bars for each system: training above, inference below."""
    known = {key: value for key, value in dict(peaks).items() if value == value}
    for place, system in enumerate(systems):
        for shift, step, grey in ((-0.17, "training", "0.35"), (0.17, "inference", "0.7")):
            value = known.get((system, step))
            if value is not None:
                axes.barh(place + shift, value, 0.3, color=grey)
                _value(axes, value, place + shift, f"{step} {value:.2g}")
    axes.set_xlim(0, max(known.values(), default=1) * 1.7)
    axes.set(xlabel="GB", title="Largest memory of a job")


def _value(axes: Axes, x: float, y: float, text: str) -> None:
    axes.annotate(text, (x, y), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8)
