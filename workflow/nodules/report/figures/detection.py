"""Figures of detection and segmentation scores."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nodules.evaluation import froc, names
from nodules.evaluation.froc_text import RATE_LABELS
from nodules.report import lookup, plotting
from nodules.report.lookup import rows
from nodules.stats.bootstrap import FEWEST, RULE, SAME, too_few

MOST_IN_A_ROW = 3  # entries of a legend that fit side by side
CEILING = "hit by any given location"


@plotting.styled
def froc_curves(
    curves: pd.DataFrame,
    detection: Mapping[str, Any],
    systems: Mapping[str, names.System] = names.SYSTEMS,
    ceilings: Mapping[str, float | None] | None = None,
    shown: str | None = None,
) -> Figure:
    """Sensitivity over false positives per scan, one line per system.

    curves: table `froc` (its band points are drawn); detection: `detection.json`. For given
    locations: `reduction_track.parquet` and `.json`, `names.REDUCERS`, and as ceilings the share of
    each set's nodules that any location hits, drawn as a line; None if the set has no nodules.
    shown: the set to draw; by default the main set.
    """
    bands = rows(curves, point="band")
    sets = [name for name in lookup.shown_sets(bands) if name == (shown or lookup.main_set(bands))]
    in_legend = 0.26 * (1 + bands["system"].nunique())
    figure, axes = plotting.panels(width=plotting.COLUMN, height=2.9 + in_legend)
    for panel, name in zip(axes, sets, strict=False):
        part = rows(bands, set=name)
        for system in names.present(systems.values(), set(part["system"])):
            line = rows(part, system=system.key).sort_values("fp_per_scan")
            score = detection["systems"][system.key][name]
            cpm = lookup.interval(score["cpm"], score["cpm_ci"])
            _froc_line(panel, line, system, f"{system.name}\nCPM {cpm}")
            size = f"{score['n_nodules']:,} nodules, {score['n_scans']:,} scans"
        ceiling = (ceilings or {}).get(name)
        if ceiling is not None:
            label = f"{CEILING}: {ceiling:.3f}"
            panel.axhline(ceiling, color=plotting.PALETTE["black"], ls=":", label=label)
        panel.set_xscale("log", base=2)
        panel.set_xticks(froc.RATES, RATE_LABELS)
        panel.minorticks_off()
        panel.set(xlim=(froc.RATES[0], froc.RATES[-1]), ylim=(0, 1.02))
        panel.set_yticks(np.linspace(0, 1, 6))
        panel.set_xlabel("False positives per scan")
        panel.set_title(f"{lookup.sentence(names.SETS[name].name)}: {size}")
        banded = part["low"].notna().any()
        title = "bands and brackets: 95 % CI over scans" if banded else _why_none(score)
        plotting.legend_below(panel, title=title)
    axes[0].set_ylabel("Sensitivity (share of nodules found)")
    if not sets:
        plotting.empty(axes[0], "no FROC curve: no nodules in the scans")
    return figure


def _why_none(score: Mapping[str, Any]) -> str:
    """Why a set's curves have no bands, as the title of their legend."""
    few = too_few({"scans": score["n_scans"], "nodules": score["n_nodules"]})
    return f"(–): {RULE if few else SAME}"


def _froc_line(axes: Axes, line: pd.DataFrame, system: names.System, label: str) -> None:
    colour = plotting.colour(system)
    x, y = line["fp_per_scan"].to_numpy(), line["sensitivity"].to_numpy()
    axes.fill_between(x, line["low"], line["high"], color=colour, alpha=0.15, linewidth=0)
    axes.plot(x, y, color=colour, linestyle=system.dash, label=label)
    at_rates = np.isclose(x[:, None], froc.RATES).any(axis=1)
    axes.plot(x[at_rates], y[at_rates], system.marker, color=colour, ms=4.5, clip_on=False)


@plotting.styled
def dice_by_diameter(segmentation: pd.DataFrame) -> Figure:
    """3-D Dice with the readers' consensus by diameter class, one panel per set.

    segmentation: table `segmentation`. A missed nodule counts as Dice 0.
    """
    sets = lookup.shown_sets(segmentation)
    figure, axes = plotting.panels(1, max(1, len(sets)), height=2.5)
    classes = list(segmentation.groupby("diameter_class")["diameter_mm"].min().sort_values().index)
    shown = list(names.present(names.MASKS.values(), set(segmentation["comparison"])))
    width = 0.81 / max(1, len(shown))
    places = width * (np.arange(len(shown)) + 0.5) - 0.405
    for panel, name in zip(axes, sets, strict=False):
        part = rows(segmentation, set=name)
        for place, mask in zip(places, shown, strict=True):
            own = rows(part, comparison=mask.key)
            _boxes(panel, own, classes, plotting.colour(mask), place, width)
        panel.set_xticks(range(len(classes)), [_class_label(part, c) for c in classes])
        panel.set(xlim=(-0.5, len(classes) - 0.5), ylim=(-0.02, 1.02), ylabel="Dice")
        panel.set_title(lookup.sentence(names.SETS[name].name))
        panel.grid(visible=False, axis="x")
    axes[-1].set_xlabel("Nodule diameter")
    legend = [Patch(facecolor=plotting.colour(m), alpha=0.6, label=m.name) for m in shown]
    in_rows = max(1, math.ceil(len(shown) / MOST_IN_A_ROW))
    in_a_row = max(1, math.ceil(len(shown) / in_rows))
    figure.legend(handles=legend, loc="outside upper center", ncols=in_a_row)
    if not sets:
        plotting.empty(axes[0], "no nodule has a reader consensus")
    return figure


def _class_label(part: pd.DataFrame, name: str) -> str:
    nodules = rows(part, diameter_class=name)[["seriesuid", "nodule"]].drop_duplicates()
    return f"{lookup.class_name(name)}\nn = {len(nodules)}"


def _boxes(
    axes: Axes,
    part: pd.DataFrame,
    classes: list[str],
    colour: str,
    shift: float,
    width: float,
) -> None:
    """Draw every value as a dot, and a box of quartiles for each diameter class."""
    for place, name in enumerate(classes):
        known = rows(part, diameter_class=name).dropna(subset=["dice"])
        values = known["dice"].to_numpy()
        if not len(values):
            continue
        # Spread by rank instead of at random, so that equal tables give equal pictures.
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
        if len(known.drop_duplicates(["seriesuid", "nodule"])) < FEWEST:
            continue  # quartiles of so few would be the values themselves
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
            line.set(color=colour, linewidth=0.9)
        for line in box["medians"]:
            line.set(linewidth=1.8)
