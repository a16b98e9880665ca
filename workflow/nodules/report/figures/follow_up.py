"""Figure of follow-up: each nodule's volume over time, and its change."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nodules.findings.follow_up import matching
from nodules.findings.follow_up.growth import GROWN, PUBLISHED, REPEATABLE, SHRUNK, WITHIN
from nodules.report import plotting

COLOURS = {
    GROWN: plotting.VERMILION,
    SHRUNK: plotting.BLUE,
    WITHIN: plotting.GREY,
}
MARKERS = {GROWN: "^", SHRUNK: "v", WITHIN: "o"}  # so that colour is not the only cue
# Ticks at ratios of volumes, by the largest range of ratios for which the labels have room.
TICKS: dict[float, tuple[float, ...]] = {
    4: (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4),
    32: (0.125, 0.25, 0.5, 1, 2, 4, 8, 16),
    np.inf: (1 / 64, 0.125, 1, 8, 64),
}
MOST = 24  # nodules in the panel of changes, the largest changes first


@plotting.styled
def growth(rows: pd.DataFrame) -> Figure:
    """Volumes over time with intervals, and each nodule's change against the repeatability.

    rows: table `follow_up`, of one pair of scans or of many.
    """
    known = measured(rows)
    height = 1.8 + 0.2 * min(max(len(known), 6), MOST)
    figure, (left, right) = plotting.panels(2, height=height)
    if known.empty:
        for panel in (left, right):
            plotting.empty(panel, "no nodule was measured at two times")
        return figure
    _trajectories(left, known, _starts(rows))
    dated = rows["days"].notna().all()
    left.set_xlabel("Days from the first scan" if dated else "Scan")
    _changes(right, known)
    return figure


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of table `follow_up` whose change is known; these are drawn."""
    return rows[(rows["state"] == matching.MATCHED) & rows["change_percent"].notna()]


def _starts(rows: pd.DataFrame) -> dict[str, float]:
    """Days from the patient's first scan, by UID; 1 per scan if any date is missing."""
    days: dict[str, float] = {}
    dated = rows["days"].notna().all()
    for (prior, current), part in rows.groupby(["prior", "current"], sort=False):
        start = days.setdefault(str(prior), 0.0)
        days[str(current)] = start + (float(part["days"].iloc[0]) if dated else 1.0)
    return days


def _trajectories(axes: Axes, known: pd.DataFrame, starts: dict[str, float]) -> None:
    """Draw a line per nodule, with an interval at each time."""
    said = set()
    for _, row in known.iterrows():
        times = [starts[row["prior"]], starts[row["current"]]]
        volumes = np.array([row["prior_volume_mm3"], row["current_volume_mm3"]])
        low = np.array([row["prior_volume_low"], row["current_volume_low"]])
        high = np.array([row["prior_volume_high"], row["current_volume_high"]])
        verdict = str(row["growth"])
        axes.errorbar(
            times,
            volumes,
            yerr=np.stack([volumes - low, high - volumes]),
            color=COLOURS[verdict],
            marker=MARKERS[verdict],
            markersize=4,
            linewidth=1.2,
            elinewidth=0.8,
            capsize=2,
            label=None if verdict in said else verdict,
        )
        said.add(verdict)
    plotting.log_scale(axes)
    axes.set_ylabel("Volume, mm³")
    axes.set_title("Volume of each nodule")
    plotting.legend_below(axes, ncols=3)


def _changes(axes: Axes, known: pd.DataFrame) -> None:
    """Draw each nodule's change with its interval, the largest growth on top."""
    logs = np.log1p(known["change_percent"] / 100)
    shown = known.loc[logs.abs().sort_values(ascending=False, kind="stable").index[:MOST]]
    shown = shown.iloc[np.argsort(shown["change_percent"].to_numpy(), kind="stable")]
    places = np.arange(len(shown))
    ratio, low, high = (
        1 + shown[name].to_numpy() / 100 for name in ("change_percent", "change_low", "change_high")
    )
    repeatable = 1 + PUBLISHED
    axes.axvspan(1 / repeatable, repeatable, color="0.9", zorder=0)
    axes.axvline(1, color=plotting.GREY, linewidth=0.8)
    for place, r, a, b, verdict in zip(places, ratio, low, high, shown["growth"], strict=True):
        axes.errorbar(
            [r],
            [place],
            xerr=[[r - a], [b - r]],
            color=COLOURS[verdict],
            marker=MARKERS[verdict],
            markersize=4,
            linewidth=1.2,
        )
    names = [
        ", ".join(filter(None, [row["patient"], f"no. {row['nodule']}"]))
        + f": {row['prior_diameter_mm']:.1f} mm"
        for _, row in shown.iterrows()
    ]
    axes.set_yticks(places, names)
    axes.set_xscale("log")
    wide = high.max() / low.min()
    ticks = next(found for most, found in TICKS.items() if wide <= most)
    ticks = tuple(t for t in ticks if low.min() * 0.8 <= t <= high.max() * 1.2)
    axes.set_xticks(ticks, [f"{100 * (t - 1):+.0f} %" if t != 1 else "0" for t in ticks])
    axes.minorticks_off()
    axes.set(xlabel=f"Change, 95 % interval; grey: {REPEATABLE}")
    some = f", the {len(shown)} largest of {len(known)}" if len(shown) < len(known) else ""
    axes.set_title(f"Change{some}")
