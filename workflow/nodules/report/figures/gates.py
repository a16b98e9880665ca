"""Figure of attention gates: CT, the network's output, and what each gate lets through."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from nodules.evaluation import names
from nodules.inference.gates import SIDE_MM, Gated
from nodules.report import plotting

COLOURS = "viridis"  # perceptually even, light to dark in grey too
ROW = 1.35  # inches
AROUND = 1.2  # inches for title and colour bar
ABOVE = 0.16  # inches above and below a panel, for its text
BAR_MM = 10.0
LETTERS = 14  # of a UID, above a panel


@plotting.styled
def draw(found: Sequence[Gated], part: str) -> Figure:
    """Chosen nodules, one per row: CT with the nodule's outline, output, gates coarse to fine.

    part: of the scans shown, test or fold_<k>.
    """
    gates = len(found[0].maps) if found else 1
    rows = max(1, len(found))
    figure, axes = plotting.panels(2 + gates, rows, width=plotting.WIDTH, height=ROW)
    layout = figure.get_layout_engine()
    assert isinstance(layout, ConstrainedLayoutEngine)
    layout.set(h_pad=ABOVE)
    figure.set_figheight(rows * ROW + AROUND)
    title = f"{names.ATTENTION}: what its gates let through, {names.set_name(part)}"
    shown = f"{len(found)} nodule{'' if len(found) == 1 else 's'} shown"
    figure.suptitle(f"{title} ({shown})", x=0.01, ha="left", fontweight="bold")
    for panel in axes[len(found) * (2 + gates) :]:
        panel.set_axis_off()
    for i, nodule in enumerate(found):
        _draw_nodule(axes[i * (2 + gates) : (i + 1) * (2 + gates)], nodule)
    if not found:
        figure.text(0.5, 0.5, "No outlined nodules in these scans.", ha="center", fontsize=12)
    scale = ScalarMappable(Normalize(0, 1), COLOURS)
    bar = figure.colorbar(scale, ax=axes, location="bottom", shrink=0.35, aspect=40, pad=0.02)
    bar.set_label("Probability of a nodule; share that a gate lets through")
    return figure


def _draw_nodule(axes: Sequence[Axes], nodule: Gated) -> None:
    for panel in axes:
        panel.set(xticks=[], yticks=[])
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
    axes[0].imshow(nodule.image, cmap="gray", vmin=0, vmax=255)
    for panel, shown in zip(axes[1:], (nodule.answer, *nodule.maps), strict=True):
        panel.imshow(shown, cmap=COLOURS, vmin=0, vmax=1)
    for panel in axes:
        if nodule.mask.any():
            panel.contour(nodule.mask, [0.5], colors=plotting.VERMILION, linewidths=0.8)
    _above(
        axes[0], f"{nodule.diameter_mm:.1f} mm, slice {nodule.slice}", f"…{nodule.uid[-LETTERS:]}"
    )
    highest = nodule.answer[nodule.mask].max() if nodule.mask.any() else float("nan")
    _above(axes[1], "Output", f"highest inside {highest:.2f}")
    for number, panel in enumerate(axes[2:]):
        means = f"inside {nodule.inside[number]:.2f}, slice {nodule.whole[number]:.2f}"
        _above(panel, _gate(number, len(nodule.maps)), means)
    pixels = len(nodule.image)
    bar, low = BAR_MM / SIDE_MM * pixels, pixels * 0.95
    axes[0].plot([pixels * 0.04, pixels * 0.04 + bar], np.full(2, low), color="white", lw=2)


def _gate(number: int, gates: int) -> str:
    """A gate's title: its number, from the coarsest to the finest."""
    if gates == 1:
        return "Gate"
    return f"Gate {number + 1}" + {0: ", coarsest", gates - 1: ", finest"}.get(number, "")


def _above(axes: Axes, text: str, below: str) -> None:
    """Write two lines above a panel, outside the layout, so that the panel keeps its size."""
    for line, height, look in ((text, 1.12, "0.1"), (below, 1.02, "0.35")):
        shown = axes.text(0, height, line, transform=axes.transAxes, fontsize=7, color=look)
        shown.set_in_layout(False)
