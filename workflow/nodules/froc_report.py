"""Detection scores for people: a block of text and the FROC figure."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodules import froc
from nodules.files import UserError, atomic
from nodules.froc import Difference, Floats, FrocResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE_LABELS = ("1/8", "1/4", "1/2", "1", "2", "4", "8")
FORMATS = (".svg", ".png", ".pdf")

# Okabe and Ito's colours, distinct for all common kinds of colour vision; dashes and markers say
# the same again for a print in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
MARKERS = "os^Dvp*"

CONVENTIONS = """\
Conventions (noduleCADEvaluationLUNA16)
  A mark hits a finding if it is nearer to its centre than diameter / 2; a negative diameter stands
  for 10 mm. Reference nodules come before excluded findings; a nodule takes its surest mark.
  At most 100 marks a scan: of more, those strictly above the 101st highest probability.
  Marks on excluded findings, and further hits on a nodule, are neither true nor false.
  Sensitivity: divided by all {n_nodules} reference nodules of the listed scans, missed or hit.
  False positives a scan: divided by all {n_scans} listed scans, with or without nodules or marks.
  CPM: mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8, each by linear interpolation.
  Bands: {bootstrap}."""


@dataclass(frozen=True)
class FigureCurve:
    """What the figure needs of one score; it can be stored in a table and drawn later."""

    name: str
    sensitivity: Floats  # (193,), at froc.GRID
    band: Floats  # (193, 2), lower and upper bound at froc.GRID; NaN: not drawn
    cpm: float
    cpm_ci: tuple[float, float]

    @staticmethod
    def of(name: str, result: FrocResult) -> "FigureCurve":
        """Take the curve of a score."""
        sensitivity = froc.sensitivity_at(result.curve, froc.GRID)
        return FigureCurve(name, sensitivity, result.band, result.cpm, result.cpm_ci)


def describe(results: Mapping[str, FrocResult]) -> str:
    """Lay out the scores of one or several submissions, and their differences, as text."""
    blocks = [_score_block(name, result) for name, result in results.items()]
    if len(results) > 1:
        blocks.append(_difference_block(results))
    return "\n\n".join([*blocks, _conventions(next(iter(results.values())))]) + "\n"


def to_dict(results: Mapping[str, FrocResult]) -> dict[str, Any]:
    """Give what the JSON file holds: one score, or several by name and their differences."""
    if len(results) == 1:
        return next(iter(results.values())).to_dict()
    return {
        "submissions": {name: result.to_dict() for name, result in results.items()},
        "differences": [
            {"minuend": minuend, "subtrahend": subtrahend, "cpm": found.cpm, "ci": found.ci}
            for minuend, subtrahend, found in differences(results)
        ],
    }


def differences(results: Mapping[str, FrocResult]) -> list[tuple[str, str, Difference]]:
    """CPM difference of every pair: names of minuend (the later) and subtrahend, difference."""
    return [
        (second, first, froc.compare(one, other))
        for (first, one), (second, other) in combinations(results.items(), 2)
    ]


def draw(curves: Sequence[FigureCurve]) -> "Figure":
    """Draw FROC curves with their 95 % bands over 1/8 to 8 false positives a scan (log2 axis)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 5.0), layout="constrained")
    axes = figure.add_subplot()
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        axes.fill_between(froc.GRID, *curve.band.T, color=colour, alpha=0.15, linewidth=0)
        axes.plot(
            froc.GRID,
            curve.sensitivity,
            color=colour,
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKERS[number % len(MARKERS)],
            markevery=froc.RATE_STEP,
            markersize=5,
            linewidth=1.8,
            label=f"{curve.name}\nCPM {_bounded(curve.cpm, curve.cpm_ci, 3)}",
            clip_on=False,
            zorder=3,
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(froc.RATES, RATE_LABELS)
    axes.set(xlim=(froc.RATES[0], froc.RATES[-1]), ylim=(0, 1))
    axes.set_yticks([tenth / 10 for tenth in range(11)])
    axes.set_xlabel("False positives per scan")
    axes.set_ylabel("Sensitivity")
    axes.grid(color="0.88", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    title = "Shaded: 95 % band over resampled scans" if _any_band(curves) else None
    axes.legend(title=title, loc="best", fontsize=9, title_fontsize=8, framealpha=0.9)
    return figure


def check_format(path: str | os.PathLike[str]) -> None:
    """Raise UserError unless the figure's file name ends as a format that can be written."""
    if Path(path).suffix.lower() not in FORMATS:
        raise UserError(f"{path}: a figure's name must end in {', '.join(FORMATS)}.")


def save_figure(path: str | os.PathLike[str], curves: Sequence[FigureCurve]) -> None:
    """Draw and write the figure; equal scores give equal bytes. Raises UserError on the suffix."""
    check_format(path)
    from matplotlib import rc_context

    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": None}
    with rc_context({"svg.hashsalt": "froc"}), atomic(path) as temporary:
        draw(curves).savefig(temporary, dpi=200, metadata=undated[Path(path).suffix.lower()])


def _score_block(name: str, result: FrocResult) -> str:
    counts = result.counts
    lines = [
        name,
        "=" * len(name),
        f"{result.n_scans} scans, {result.n_nodules} reference nodules",
        "",
        f"{counts.tp:>9}  nodules hit (TP)",
        f"{counts.fn:>9}  nodules missed (FN)",
        "",
        f"{counts.marks:>9}  marks submitted",
        f"{counts.marks_after_cap:>9}  marks after the cap",
        f"{counts.fp:>9}  false positives (FP)",
        f"{counts.dropped_on_excluded:>9}  dropped on excluded findings",
        f"{counts.double:>9}  double: further hits on a nodule",
        "",
        "FP/scan   sensitivity   95 % band",
    ]
    for label, value, band in zip(
        RATE_LABELS, result.sensitivity, result.sensitivity_ci, strict=True
    ):
        lines.append(f"{label:>7}   {value:>11.6f}   {_span(band)}")
    lines += ["", f"{'CPM':>7}   {result.cpm:>11.6f}   {_span(result.cpm_ci)}"]
    if not result.n_nodules:
        lines += ["", "The listed scans hold no reference nodule: sensitivity is undefined."]
    return "\n".join(lines)


def _difference_block(results: Mapping[str, FrocResult]) -> str:
    title = "Differences of CPM"
    lines = [title, "=" * len(title), "Paired: each resample of the scans serves all submissions."]
    for minuend, subtrahend, difference in differences(results):
        lower, upper = difference.ci
        verdict = ""
        if lower == lower:
            verdict = "   contains 0" if lower <= 0 <= upper else "   leaves out 0"
        lines += [
            "",
            f"{minuend} minus {subtrahend}",
            f"{difference.cpm:>+21.6f}   {_span(difference.ci)}{verdict}",
        ]
    return "\n".join(lines)


def _conventions(result: FrocResult) -> str:
    n = len(result.cpm_replicates)
    bootstrap = "none asked for"
    if n:
        empty = int((result.cpm_replicates != result.cpm_replicates).sum())
        bootstrap = f"{n} resamples of the scans with replacement (seed {result.seed}), 95 %"
        bootstrap += f", {empty} of them without nodules and left out" if empty else ""
    text = CONVENTIONS.format(
        n_nodules=result.n_nodules, n_scans=result.n_scans, bootstrap=bootstrap
    )
    outside = result.counts.nodules_outside, result.counts.excluded_outside
    if any(outside):
        text += "\n  Ignored, because their scans are not listed: "
        text += f"{outside[0]} reference nodules, {outside[1]} excluded findings."
    return text


def _span(bounds: Sequence[float] | Floats) -> str:
    lower, upper = bounds
    return f"{lower:.6f} to {upper:.6f}" if lower == lower else "-"


def _any_band(curves: Sequence[FigureCurve]) -> bool:
    return any(bool((curve.band == curve.band).any()) for curve in curves)


def _bounded(value: float, bounds: tuple[float, float], digits: int) -> str:
    lower, upper = bounds
    band = f" ({lower:.{digits}f}\N{EN DASH}{upper:.{digits}f})" if lower == lower else ""
    return f"{value:.{digits}f}{band}"
