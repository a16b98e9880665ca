"""Figures of benign or malignant: ROC curves, differences by size, probability against diameter."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from nodules.evaluation import names, pairs
from nodules.evaluation.names import MALIGNANCY
from nodules.report import lookup, plotting
from nodules.report.lookup import rows
from nodules.stats.bootstrap import RULE, SAME, too_few

CLASSES = {  # label: name, colour and marker of the readers' opinion; the last is drawn on top
    1: ("rated malignant", plotting.BLACK, "^"),
    0: ("rated benign", plotting.GREY, "o"),
}
MISSING: dict[str, Any] = {"color": plotting.GREY, "ha": "left", "va": "center", "fontsize": 7}
TICKS_MM = (4, 6, 8, 12, 16, 24, 32)


@plotting.styled
def roc(curves: pd.DataFrame, found: Mapping[str, Any]) -> Figure:
    """ROC curves of the systems, one panel per set.

    curves: table `malignancy_curves`; found: `malignancy.json`.
    """
    sets = lookup.shown_sets(curves)
    figure, axes = plotting.panels(max(1, len(sets)), height=4.3)
    for panel, name in zip(axes, sets, strict=False):
        own = found["sets"][name]
        for system in MALIGNANCY.values():
            line, band = (
                rows(curves, set=name, system=system.key, curve=c) for c in ("roc", "roc_band")
            )
            if len(line):
                shade = {"color": plotting.colour(system)} | plotting.SHADE
                panel.fill_between(band["x"], band["y"], band["high"], **shade)
                area = lookup.estimate(own["systems"][system.key]["auc"])
                panel.plot(
                    line["x"],
                    line["y"],
                    color=plotting.colour(system),
                    linestyle=system.dash,
                    label=f"{system.name}\nAUC {area}",
                )
        panel.plot([0, 1], [0, 1], color=plotting.GREY, linewidth=0.8, linestyle=":")
        panel.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
        panel.set_xlabel("False-positive rate (benign called malignant)")
        panel.set_title(f"{lookup.sentence(names.SETS[name].name)}\n{_kinds(own)}")
        plotting.legend_below(panel, title=_bounds(own))
    axes[0].set_ylabel("True-positive rate")
    if not sets:
        plotting.empty(axes[0], "no ROC curve: the labelled nodules are of one class")
    return figure


@plotting.styled
def differences(found: Mapping[str, Any]) -> Figure:
    """AUC of each system and paired differences, overall and by size, on the main set.

    found: `malignancy.json`.
    """
    own = found["sets"].get(found["main_set"])
    lines = _lines(own) if own and own["n_nodules"] else []
    height = 1.6 + 0.52 * max(3, len(lines))
    figure, (areas, gaps) = plotting.panels(2, height=height)
    if not lines:
        for panel in (areas, gaps):
            plotting.empty(panel, "no labelled nodules")
        return figure
    assert own is not None  # there are lines
    systems = {s.key: (s.name, plotting.colour(s), s.marker) for s in MALIGNANCY.values()}
    between = {p.key: (pair_name(p), plotting.colour(p), p.marker) for p in pairs.MALIGNANCY_PAIRS}
    _forest(areas, lines, own["systems"], systems)
    _forest(gaps, lines, own["differences"], between)
    areas.axvline(0.5, color=plotting.GREY, linewidth=0.9, linestyle=":")
    areas.set(xlim=(-0.02, 1.02), xlabel="AUC (dotted: chance)")
    areas.set_yticks(range(len(lines)), [text for _, text in lines])
    gaps.axvline(0.0, color=plotting.GREY, linewidth=0.9, linestyle=":")
    gaps.set_xlabel("Paired difference in AUC (dotted: none)")
    gaps.xaxis.set_major_locator(MaxNLocator(5))
    gaps.set_yticks(range(len(lines)), [])
    gaps.tick_params(axis="y", length=0)
    areas.set_title(f"AUC, {names.SETS[found['main_set']].name}")
    gaps.set_title("Right of 0: the first is better")
    return figure


@plotting.styled
def probability_by_diameter(nodules: pd.DataFrame, found: Mapping[str, Any]) -> Figure:
    """Probability of malignancy against diameter, one panel per system, on the main set.

    nodules: table `malignancy_nodules`; found: `malignancy.json`.
    """
    own = rows(nodules, set=found["main_set"])
    systems = list(names.present(MALIGNANCY.values(), set(own["system"])))
    figure, axes = plotting.panels(max(1, len(systems)), height=2.8)
    for panel, system in zip(axes, systems, strict=False):
        part = rows(own, system=system.key)
        for label, (_, colour, marker) in CLASSES.items():
            dots = rows(part, label=label)
            panel.plot(
                dots["diameter_mm"],
                dots["probability"],
                marker,
                color=colour,
                markersize=4,
                markeredgecolor="white",
                markeredgewidth=0.4,
                alpha=0.85,
                rasterized=len(dots) > plotting.MANY,
                zorder=3 if 2 * len(dots) <= len(part) else 2,  # the rarer class on top
            )
        brier = lookup.estimate(found["sets"][found["main_set"]]["systems"][system.key]["brier"])
        panel.set_title(f"{system.name}\nBrier {brier}")
        panel.set(xscale="log", ylim=(-0.03, 1.03), xlabel="Diameter (mm)")
        panel.set_xticks(TICKS_MM, [str(tick) for tick in TICKS_MM])
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.minorticks_off()
    axes[0].set_ylabel("Probability of malignancy")
    counts = rows(own, system=systems[0].key)["label"].value_counts() if systems else {}
    legend = [
        Line2D(
            [],
            [],
            color=colour,
            marker=marker,
            linestyle="",
            label=f"{text}, {lookup.counted(counts[k], 'nodules')}",
        )
        for k, (text, colour, marker) in CLASSES.items()
        if k in counts
    ]
    if systems:
        where = names.SETS[found["main_set"]].name
        figure.legend(handles=legend, loc="outside upper center", ncols=2, title=where)
    else:
        plotting.empty(axes[0], "no labelled nodules")
    return figure


def pair_name(pair: names.Pair) -> str:
    """The difference between two systems, in words."""
    first, second = MALIGNANCY[pair.first].short, MALIGNANCY[pair.second].short
    return lookup.sentence(f"{first} − {second}")


def _bounds(own: Mapping[str, Any]) -> str:
    """What a set's bands and brackets are, or why there are none."""
    known = [_real(found["auc"]["low"]) for found in own["systems"].values()]
    if not all(np.isnan(known)):
        return "bands and brackets: 95 % CI over patients"
    kinds = {"malignant": own["n_malignant"], "benign": own["n_nodules"] - own["n_malignant"]}
    few = too_few({"patients": own["n_patients"]} | kinds)
    return f"(–): {RULE.replace('scans', 'patients') if few else SAME}"


def _kinds(own: Mapping[str, Any]) -> str:
    n, malignant = own["n_nodules"], own["n_malignant"]
    return f"{malignant:,} malignant, {n - malignant:,} benign nodules"


def _lines(own: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Key and label of each line of a forest plot, from top to bottom; size classes last."""
    n, patients = own["n_nodules"], own["n_patients"]
    sick = own["n_patients_malignant"]
    lines = [
        ("auc", f"all nodules\n{own['n_malignant']} malignant, {n - own['n_malignant']} benign"),
        ("patient_auc", f"patients, highest nodule\n{sick} malignant, {patients - sick} benign"),
        ("auc_within_size", "pairs of one size class\npooled over classes"),
    ]
    for name, counts in own["by_size"].items():
        benign = counts["n"] - counts["malignant"]
        if counts["malignant"] and benign:
            kinds = f"{counts['malignant']} malignant, {benign} benign"
            lines.append((f"auc {name}", f"{lookup.class_name(name)}\n{kinds}"))
    return lines


def _forest(
    axes: Axes,
    lines: list[tuple[str, str]],
    found: Mapping[str, Any],
    drawn: Mapping[str, tuple[str, str, str]],
) -> None:
    """Draw a dot with its interval for each line and system; hollow if it has no interval."""
    shown = [name for name in drawn if name in found]
    for number, name in enumerate(shown):
        label, colour, marker = drawn[name]
        for place, (key, _) in enumerate(lines):
            value, low, high = (_real(found[name][key][part]) for part in ("value", "low", "high"))
            if value != value and number == 0:
                axes.text(
                    0.03,
                    place,
                    "undefined: one kind only",
                    **MISSING,
                    transform=axes.get_yaxis_transform(),
                )
            y = place + 0.22 * (number - (len(shown) - 1) / 2)
            axes.plot([low, high], [y, y], color=colour, linewidth=1.3)
            face = colour if low == low else "white"
            axes.plot(value, y, marker, color=colour, markerfacecolor=face, markersize=5)
        axes.plot([], [], marker + "-", color=colour, markersize=5, linewidth=1.3, label=label)
    axes.axhline(0.5, color="0.8", linewidth=0.8)
    axes.set_ylim(len(lines) - 0.45, -0.55)
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.32 / max(1.0, len(lines) / 3)))


def _real(value: float | None) -> float:
    return np.nan if value is None else float(value)
