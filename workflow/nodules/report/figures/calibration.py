"""Figure of calibration by size: how far mean scores lie from the share of nodules."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nodules.evaluation import names
from nodules.findings.size import ALL, CLASSES
from nodules.report import lookup, plotting
from nodules.report.lookup import rows

GROUPS = (ALL, *CLASSES)
PANEL, LEGEND_ROW = 2.7, 0.16  # inches: a panel without the systems in its legend, and one of them
WIDE = 0.7  # share of a class's width over which its systems are spread


@plotting.styled
def by_size(found: pd.DataFrame) -> Figure:
    """Mean score minus share of nodules, by candidate size, as given and scaled, on the main set.

    found: table `calibration`.
    """
    own = rows(found, set=lookup.main_set(found))
    systems = list(names.present(names.SYSTEMS.values(), set(own["system"])))
    figure, axes = plotting.panels(2, height=PANEL + LEGEND_ROW * len(systems))
    axes[1].sharey(axes[0])
    for panel, end in zip(axes, ("", "_scaled"), strict=True):
        panel.axhline(0, color=plotting.GREY, linewidth=0.9, linestyle=":")
        for place, system in enumerate(systems):
            part = rows(own, system=system.key)
            label = system.short if not end else _told(part)
            off = WIDE * ((place + 0.5) / len(systems) - 0.5)
            _marks(panel, rows(part, measure=f"gap{end}"), off, system, label)
        ticks = ["all", *(lookup.class_name(c).removesuffix(" mm") for c in CLASSES)]
        panel.set_xticks(range(len(GROUPS)), ticks)
        panel.set(xlim=(-0.5, len(GROUPS) - 0.5), xlabel="Candidate diameter (mm)")
        panel.set_title("After temperature scaling" if end else "As the systems give it")
        plotting.legend_below(panel, title="temperature" if end else "system")
    axes[0].set_ylabel("Mean score minus share of nodules")
    if not systems:
        plotting.empty(axes[0], "no candidate")
    return figure


def _told(part: pd.DataFrame) -> str:
    """A system's temperature as text."""
    fitted = rows(part, measure="temperature")["value"]
    return lookup.interval(fitted.iloc[0], (None, None), ".2f").removesuffix(" (–)")


def _marks(panel: Axes, part: pd.DataFrame, off: float, system: names.System, label: str) -> None:
    """Draw a system's gaps with their intervals; hollow without interval."""
    part = part.dropna(subset=["value"])
    x = np.array([GROUPS.index(group) for group in part["group"]]) + off
    value, low, high = (part[key].to_numpy(float) for key in ("value", "low", "high"))
    whole = ~np.isnan(low)
    look: dict[str, Any] = {"color": plotting.colour(system), "markersize": 4}
    bars = np.maximum([(value - low)[whole], (high - value)[whole]], 0)
    panel.errorbar(
        x[whole], value[whole], yerr=bars, fmt=system.marker, lw=0.9, capsize=2, label=label, **look
    )
    panel.plot(x[~whole], value[~whole], system.marker, markerfacecolor="white", **look)
