"""Figures of systems side by side: confidence over slices, time and memory."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nodules.evaluation import names
from nodules.report import lookup, plotting
from nodules.report.lookup import rows

STAGES = {"confidence": "As the networks give it", "calibrated": "Calibrated on other scans"}


@plotting.styled
def confidence_by_system(slices: pd.DataFrame, comparison: pd.DataFrame) -> Figure:
    """Running mean confidence in the answer, and distribution of p, as given and calibrated.

    slices: table `comparison_slices`; comparison: table `comparison`, for the differences.
    """
    name = lookup.main_set(slices)
    part = rows(slices, set=name)
    figure, axes = plotting.panels(2, 2, height=2.7)
    for number, (column, title) in enumerate(STAGES.items()):
        left, right = axes[2 * number : 2 * number + 2]
        known = part.dropna(subset=[column])
        if known.empty:
            for panel in (left, right):
                plotting.empty(panel, "no slice has this confidence")
            continue
        stage = "raw" if column == "confidence" else column
        found = rows(comparison, set=name, measure="slice_certainty", stage=stage)
        gaps = [
            "\ndifference " + lookup.interval(row.difference, (row.low, row.high), "+.3f")
            for row in found.itertuples()
        ]
        _running(left, known, column, "".join(["mean over all slices", *gaps]))
        left.set_title(title)
        left.set_ylabel("Running mean of confidence in answer")
        _distributions(right, known, column)
        right.set_title(f"Distribution: {title[0].lower()}{title[1:]}")
    axes[2].set_xlabel("Slices, scan after scan, from feet to head")
    axes[3].set_xlabel("Confidence in a nodule, p")
    n = lookup.counted(part["index"].nunique(), "slices")
    handles, labels = axes[3].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=2)
    scans = f"{part['seriesuid'].nunique():,} scans"
    where = f"{lookup.sentence(names.SETS[name].name)} ({n} of {scans})"
    figure.suptitle(where, fontsize=8, x=0.01, ha="left")
    return figure


def _running(axes: Axes, part: pd.DataFrame, column: str, title: str) -> None:
    """Draw the running mean of max(p, 1 - p) over the slices, by system."""
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
    """Draw the share of slices at or below each confidence: thick with a nodule, thin without."""
    for system in names.present(names.SYSTEMS.values(), set(part["system"])):
        for present, width, words in ((True, 2.0, "nodule"), (False, 0.9, "no nodule")):
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
    """Time to train each fold's network, inference time per scan, and peak memory: a dot per job.

    costs: table `system_costs`. A system of two networks has dots of both.
    """
    systems = [s for s in names.SYSTEMS if s in set(costs["system"])]
    figure, axes = plotting.panels(3, height=1.25 + 0.35 * max(2, len(systems)))
    if not systems:
        for panel in axes:
            plotting.empty(panel, "no network was measured")
        return figure
    each = costs.assign(per_scan=costs["seconds"] / costs["scans"].clip(lower=1))
    training, inference = (rows(each, step=step) for step in ("training", "inference"))
    for panel, part, column, title, unit in (
        (axes[0], training, "seconds", "Training, one fold", "s"),
        (axes[1], inference, "per_scan", "Inference, one scan", "s"),
        (axes[2], each.assign(gb=each["peak_mb"] / 1000), "gb", "Peak memory of a job", "GB"),
    ):
        _dots(panel, part, column, systems)
        panel.set(title=title, xlabel=unit)
    axes[0].set_yticks(range(len(systems)), [names.SYSTEMS[s].name for s in systems])
    for panel in axes:
        panel.set_ylim(len(systems) - 0.4, -0.6)
        panel.set_xlim(0, 1.08 * max(1e-9, panel.dataLim.x1))
        panel.grid(visible=False, axis="y")
    for panel in axes[1:]:
        panel.set_yticks([])
    models = list(names.present(names.NETWORKS.values(), set(costs["model"])))
    handles = [Line2D([], [], marker="o", ls="", color=plotting.colour(m)) for m in models]
    words = [m.name for m in models]
    handles.append(Line2D([], [], marker="o", ls="", color=plotting.GREY, markerfacecolor="white"))
    words.append("hollow: inference")
    figure.legend(handles, words, loc="outside upper center", ncols=min(4, len(handles)))
    return figure


def _dots(axes: Axes, part: pd.DataFrame, column: str, systems: list[str]) -> None:
    """Draw a dot per job in its system's row and its network's colour; inference is hollow."""
    for place, system in enumerate(systems):
        networks = names.SYSTEMS[system].networks
        for number, network in enumerate(networks):
            y = place + 0.26 * (number - (len(networks) - 1) / 2)
            colour = plotting.colour(names.NETWORKS[network])
            own = rows(part, system=system, model=network).dropna(subset=[column])
            for step, face in (("training", colour), ("inference", "white")):
                values = rows(own, step=step)[column].to_numpy()
                places = np.full(len(values), y)
                axes.plot(values, places, "o", ms=3.6, color=colour, mfc=face)
