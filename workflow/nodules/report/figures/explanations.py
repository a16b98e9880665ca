"""Figure of explanations: CT with the nodule's outline, and Grad-CAM and saliency over it."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nodules.evaluation import names
from nodules.evaluation.explanations import METHODS
from nodules.findings.rule import NAMES
from nodules.inference.explanations import Explained
from nodules.report import plotting

COLOURS = "inferno"  # perceptually even, light to dark in grey too
PER_ROW = 2  # nodules in a row, three panels each
BAR_MM = 10.0
WIDTH, ROW = plotting.WIDTH, 1.5  # inches
LETTERS = 52  # of a UID, above three panels
ABOVE = 0.22  # inches above and below a panel, for its text
AROUND = 1.3  # inches for title, colour bar and margins
LINE = 118  # characters in a line of the statement
# Explains the text above the panels.
KEY = (
    "Bold: the readers' label and the network's probability p of malignancy; below it the diameter"
    " and the mask's share of the crop. Above each map: its share inside the nodule's mask."
)
COVER = 0.75  # opacity over the CT where a map is strongest


@plotting.styled
def draw(nodules: Sequence[Explained], side_mm: float, statement: str, part: str) -> Figure:
    """Chosen nodules, each as CT, Grad-CAM and saliency, with a colour bar and a statement.

    side_mm: side of a crop; part: of the scans shown, test or fold_<k>.
    """
    rows, panels = max(1, -(-len(nodules) // PER_ROW)), 1 + len(METHODS)
    figure, axes = plotting.panels(PER_ROW * panels, rows, width=WIDTH, height=ROW)
    layout = figure.get_layout_engine()
    assert isinstance(layout, ConstrainedLayoutEngine)
    layout.set(h_pad=ABOVE)
    scans = names.set_name(part)
    said = [textwrap.fill(line, LINE) for line in (KEY, *statement.splitlines())]
    figure.set_figheight(rows * ROW + AROUND + 0.15 * sum(1 + s.count("\n") for s in said))
    figure.suptitle(
        f"Attribution maps and sanity check: malignancy {names.RESNET}, {scans}"
        f" ({len(nodules)} nodules shown)",
        x=0.01,
        ha="left",
        fontweight="bold",
    )
    for panel in axes[len(nodules) * panels :]:
        panel.set_axis_off()
    for i, nodule in enumerate(nodules):
        _draw_nodule(axes[i * panels : (i + 1) * panels], nodule, side_mm)
    if not nodules:
        figure.text(0.5, 0.5, "No labelled nodules in these scans.", ha="center", fontsize=12)
    scale = ScalarMappable(Normalize(0, 1), COLOURS)
    bar = figure.colorbar(scale, ax=axes, location="bottom", shrink=0.35, aspect=40, pad=0.02)
    bar.set_label("Map, as a share of its maximum")
    outline = Line2D([], [], color=plotting.SKY, linewidth=2, label="nodule's mask")
    length = Line2D([], [], color="white", linewidth=3, label=f"{BAR_MM:g} mm")
    legend = figure.legend(
        handles=[outline, length], loc="outside lower right", ncols=2, fontsize=7
    )
    legend.get_frame().set(facecolor="0.35", alpha=1)
    for text in legend.get_texts():
        text.set_color("white")
    figure.supxlabel("\n".join(said), x=0.01, ha="left", fontsize=7)
    return figure


def _draw_nodule(axes: Sequence[Axes], nodule: Explained, side_mm: float) -> None:
    ct = nodule.image[1]
    pixels = len(ct)
    for panel in axes:
        panel.imshow(ct, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
        if nodule.mask.any():
            panel.contour(nodule.mask, [0.5], colors=plotting.SKY, linewidths=1.2)
        panel.set(xticks=[], yticks=[], xlim=(-0.5, pixels - 0.5), ylim=(pixels - 0.5, -0.5))
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
    for panel, (method, name) in zip(axes[1:], METHODS.items(), strict=True):
        strength = relative(nodule.maps[method])
        panel.imshow(strength, cmap=COLOURS, vmin=0, vmax=1, alpha=COVER * strength**0.5)
        inside = nodule.maps[method][nodule.mask].sum()
        _above(panel, name, 1.12)
        _above(panel, f"{100 * inside:.0f} % inside", 1.02, color="0.35")
    said = f"{NAMES[nodule.label]}, p = {nodule.probability:.2f}"
    _above(axes[0], said, 1.12, weight="bold")
    sizes = f"{nodule.diameter_mm:.1f} mm, mask {100 * nodule.mask.mean():.0f} %"
    _above(axes[0], sizes, 1.02, color="0.35")
    uid = nodule.uid if len(nodule.uid) <= LETTERS else f"…{nodule.uid[-LETTERS:]}"
    _above(axes[0], f"{uid}, slice {nodule.slice}", 1.22, color="0.35")
    bar, low = BAR_MM / side_mm * pixels, pixels * 0.95
    (line,) = axes[0].plot([pixels * 0.04, pixels * 0.04 + bar], [low, low], color="white", lw=3)
    line.set_solid_capstyle("butt")


def _above(axes: Axes, text: str, height: float, **look: str) -> None:
    """Write text above a panel, outside the layout, so that the panel keeps its size."""
    shown = axes.text(0, height, text, transform=axes.transAxes, fontsize=7)
    shown.set(in_layout=False, **look)


def relative(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """A map divided by its maximum; all 0 if the map is."""
    return found / found.max() if found.max() > 0 else found
