"""The FROC figure: curves with 95 % bands over false positives per scan."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from nodules.base.files import UserError
from nodules.evaluation import froc
from nodules.evaluation.froc import Floats, FrocResult
from nodules.evaluation.froc_text import RATE_LABELS
from nodules.report import lookup, plotting

# In addition to colour, so that curves can be told apart in a greyscale print.
DASHES = ("-", "--", "-.", ":")
MARKERS = "os^Dvp*"


@dataclass(frozen=True)
class FigureCurve:
    """What the figure needs of a score; it can be stored in a table and drawn later."""

    name: str
    sensitivity: Floats  # (193,), at froc.GRID
    band: Floats  # (193, 2), lower and upper bound at froc.GRID; NaN: not drawn
    cpm: float
    cpm_ci: tuple[float, float]

    @staticmethod
    def of(name: str, result: FrocResult) -> "FigureCurve":
        """The curve of a score, under a name."""
        sensitivity = froc.sensitivity_at(result.curve, froc.GRID)
        return FigureCurve(name, sensitivity, result.band, result.cpm, result.cpm_ci)


@plotting.styled
def draw(curves: Sequence[FigureCurve]) -> Figure:
    """Draw FROC curves over 1/8 to 8 false positives per scan (log2 axis, the rates marked)."""
    figure, (axes,) = plotting.panels(width=plotting.COLUMN, height=3.4)
    for number, curve in enumerate(curves):
        colour = plotting.CYCLE[number % len(plotting.CYCLE)]
        axes.fill_between(froc.GRID, *curve.band.T, color=colour, alpha=0.15, linewidth=0)
        axes.plot(
            froc.GRID,
            curve.sensitivity,
            color=colour,
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKERS[number % len(MARKERS)],
            markevery=froc.RATE_STEP,
            markersize=5,
            label=f"{curve.name}\nCPM {lookup.interval(curve.cpm, curve.cpm_ci)}",
            clip_on=False,
            zorder=3,
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(froc.RATES, RATE_LABELS)
    axes.set(xlim=(froc.RATES[0], froc.RATES[-1]), ylim=(0, 1), yticks=np.arange(11) / 10)
    axes.set(xlabel="False positives per scan", ylabel="Sensitivity")
    banded = any(np.isfinite(curve.band).any() for curve in curves)
    title = "Shaded: 95 % band over resampled scans" if banded else None
    axes.legend(loc="lower right", title=title)
    return figure


def check_format(path: str | os.PathLike[str]) -> None:
    """Raise UserError unless a figure's file name has the suffix of a format we can write."""
    if Path(path).suffix not in plotting.UNDATED:
        raise UserError(f"{path}: a figure's name must end in {' or '.join(plotting.UNDATED)}.")
