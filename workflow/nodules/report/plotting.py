"""Style and saving of figures: equal tables give equal bytes, in SVG, PDF and PNG.

Figures are drawn at print size, one or two journal columns wide, with no text smaller than
SMALLEST; text stays text in SVG and PDF.
"""

import functools
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib import rcsetup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import FormatStrFormatter, FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from nodules.base.files import atomic, write_text
from nodules.evaluation.names import SETS, Entry, Pair
from nodules.evaluation.runs import labelled
from nodules.report.captions import Caption, Source
from nodules.report.words import Words
from nodules.stats.bootstrap import FEWEST

P = ParamSpec("P")

# Okabe and Ito's palette, distinct in all common types of colour vision.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#222222", "#8A8A8A"
WINE, OLIVE, BROWN = "#882255", "#8A8A1E", "#7F4F24"  # for more than seven
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
# By their names in the catalogue (evaluation/names.py).
PALETTE = {"blue": BLUE, "vermilion": VERMILION, "green": GREEN, "purple": PURPLE, "black": BLACK}
PALETTE |= {"orange": ORANGE, "sky": SKY, "grey": GREY, "wine": WINE, "olive": OLIVE}
PALETTE |= {"brown": BROWN}

MM = 1 / 25.4  # inch
WIDTH, COLUMN = 174 * MM, 84 * MM  # inches: two journal columns, and one
PANEL = 2.6  # inches, height of a row of panels
SMALLEST = 7.0  # points
FONT = "DejaVu Sans"
ALIKE = "Verdana, sans-serif"  # of equal width, for an SVG shown without FONT
SHADE: dict[str, Any] = {"alpha": 0.15, "linewidth": 0}  # of a band
DPI = 600
MANY = 1500  # points; more are rasterised, in SVG and PDF too

STYLE: dict[str, Any] = {
    # Bundled with matplotlib, so that every machine draws the same glyphs.
    "font.family": FONT,
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.edgecolor": "0.3",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": rcsetup.cycler(color=CYCLE),
    "grid.color": "0.91",
    "grid.linewidth": 0.7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": True,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "none",
    "lines.linewidth": 1.3,
    "figure.dpi": 100,
    "savefig.dpi": DPI,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "svg.hashsalt": "luna16-nodules",
}

# Metadata to leave out, so that files do not differ from run to run.
UNDATED: dict[str, dict[str, None]] = {
    ".svg": {"Date": None},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None},
}
TEXT = ".md"  # a caption


def _settings() -> dict[Any, Any]:
    """Matplotlib's defaults overridden by STYLE, so that no user's matplotlibrc has an effect."""
    return {**dict(mpl.rcParamsDefault.items()), **STYLE}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorator that draws in the project's style, whatever the caller's settings are."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(_settings()):
            return draw(*args, **kwargs)

    return drawn


def colour(shown: Entry | Pair) -> str:
    """Hex colour of a catalogue entry, or of the difference between two."""
    return PALETTE[shown.colour]


def panels(
    columns: int = 1,
    rows: int = 1,
    *,
    width: float = WIDTH,
    height: float = PANEL,
    ratios: Iterable[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """A figure and its grid of panels, row by row; `height` is that of one row, in inches."""
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    layout = figure.get_layout_engine()
    assert isinstance(layout, ConstrainedLayoutEngine)
    layout.set(w_pad=0.05, h_pad=0.05, wspace=0.03, hspace=0.02)
    grid = {"width_ratios": list(ratios)} if ratios else None
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=grid)
    return figure, list(axes.ravel())


def save(
    figure: Figure, paths: Iterable[str | os.PathLike[str]], caption: Caption | None = None
) -> None:
    """Write a figure to each path, atomically, in the format of its suffix: .svg, .png or .pdf.

    With a caption, the files carry its title, and an SVG its text too; a path that ends in .md gets
    the caption itself.
    """
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # else it logs each font in a PDF
    with mpl.rc_context(_settings()):
        for path in map(Path, paths):
            if path.suffix == TEXT and caption:
                write_text(path, caption.markdown())
                continue
            title = {"Title": caption.title} if caption else {}
            with atomic(path) as temporary:
                figure.savefig(temporary, metadata=UNDATED[path.suffix] | title)
                # The other formats keep this layout: to find one takes as long as to draw.
                figure.set_layout_engine("none")
                if path.suffix == ".svg":
                    _finish(Path(temporary), caption)


def save_all(
    drawn: Mapping[str, tuple[Figure, str]], paths: Mapping[str, Any], source: Source
) -> None:
    """Save figures, each given with its n in words, to the paths under their names."""
    for name, (figure, n) in drawn.items():
        shown = in_words(relabel(figure, source.small), source.told)
        save(shown, paths[name], source.caption(name, n))


def _finish(path: Path, caption: Caption | None) -> None:
    """Add fallback fonts to an SVG and, from the caption, a description for screen readers."""
    text = path.read_text(encoding="utf-8").replace(f"'{FONT}'", f"'{FONT}', {ALIKE}")
    if caption:
        end = "</title>"
        text = text.replace(end, f"{end}\n <desc>{escape(caption.text)}</desc>", 1)
        text = text.replace("<svg ", '<svg role="img" ', 1)
    path.write_text(text, encoding="utf-8")


def relabel(figure: Figure, small: bool) -> Figure:
    """The figure, with Mask R-CNN labelled a small baseline if it is one."""
    return _retold(figure, lambda text: labelled(text, small))


def in_words(figure: Figure, words: Words | None) -> Figure:
    """The figure in a data set's own words."""
    return _retold(figure, words.told) if words else figure


def _retold(figure: Figure, told: Callable[[str], str]) -> Figure:
    """The figure, with `told` applied to every text in it."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_text(told(text.get_text()))
    for axis in (a for axes in figure.axes for a in (axes.xaxis, axes.yaxis)):
        said = axis.get_major_formatter()
        if isinstance(said, FuncFormatter):  # labels given as text, not made from numbers
            axis.set_major_formatter(_formatter(said, told))
    return figure


def _formatter(said: FuncFormatter, told: Callable[[str], str]) -> FuncFormatter:
    """A formatter that applies `told` to the tick labels of another."""
    return FuncFormatter(lambda x, place: told(str(said(x, place))))


def of_set(system: Entry, name: str) -> dict[str, Any]:
    """Line style of a system on a set of scans: the system's colour and the set's dash."""
    own = SETS[name]
    shown = {"color": colour(system), "linestyle": own.dash}
    return shown if name == next(iter(SETS)) else shown | {"alpha": 0.6, "linewidth": 1.0}


def shares(
    axes: Axes, x: Any, share: Any, count: Any, marker: str, look: Mapping[str, Any]
) -> None:
    """Draw shares (n,) of `count` (n,) cases with Wilson's bars; hollow without bar if too few."""
    x, share, count = np.asarray(x), np.asarray(share), np.asarray(count)
    enough = count >= FEWEST
    low, high = wilson(share[enough], count[enough])
    own = {"color": look["color"], "alpha": look.get("alpha")}
    bars = np.maximum([share[enough] - low, high - share[enough]], 0)
    axes.errorbar(x[enough], share[enough], yerr=bars, fmt=marker, ms=4, lw=0.9, capsize=2, **own)
    axes.plot(x[~enough], share[~enough], marker, ms=4, markerfacecolor="white", **own)


def note(axes: Axes, text: str, place: tuple[float, float] = (0.98, 0.97)) -> None:
    """Write text into a panel, at fractions of its width and height."""
    x, y = place
    axes.text(
        x,
        y,
        text,
        transform=axes.transAxes,
        ha="right" if x > 0.5 else "left",
        va="top" if y > 0.5 else "bottom",
        fontsize=SMALLEST,
        linespacing=1.4,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2},
        zorder=10,
    )


def legend_below(axes: Axes, **settings: Any) -> None:
    """Put the legend, if there is one, below the panel, where it hides nothing."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), **settings)


def log_scale(axes: Axes) -> None:
    """Make y logarithmic with plain numbers at 1, 2 and 5, readable over a single decade too."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.yaxis.set_minor_locator(NullLocator())


def empty(axes: Axes, reason: str) -> None:
    """Write in the middle of a panel why there is nothing to draw."""
    axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center", color=GREY)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)


def wilson(share: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Wilson's 95 % bounds (2, n) of shares (n,) of `count` (n,) independent cases."""
    # Imported here, since `luna16 score --figure` must draw without SciPy.
    from scipy.stats import binomtest

    tests = [binomtest(round(s * n), int(n)) for s, n in zip(share, count, strict=True)]
    bounds = [test.proportion_ci(method="wilson") for test in tests]
    return np.array([(b.low, b.high) for b in bounds]).reshape(-1, 2).T
