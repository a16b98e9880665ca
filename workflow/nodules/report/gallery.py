"""Pictures of hits, misses and false alarms: CT, truth, a detector's outline and the confidence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from nodules.datasets.folds import TEST_FOLD
from nodules.evaluation.names import TEST, UNET, part_name
from nodules.evaluation.runs import following
from nodules.findings.hits import hits
from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.prepare.stacks import Stack
from nodules.report import plotting

VIEW_MM = 64.0  # side of the part of the slice that a picture shows
BAR_MM = 10.0
COLUMNS = 4
TRUTH, FOUND = plotting.SKY, plotting.ORANGE
HEADINGS = {
    "hits": f"Hits: nodules that the {UNET} found",
    "misses": "Misses: nodules without a candidate",
    "false_alarms": "False alarms: candidates on no nodule, the surest first",
}
NONE = {
    "hits": f"The {UNET} found no nodule.",
    "misses": "No nodule was missed.",
    "false_alarms": "There was no false alarm.",
}
CASE = ["part", "seriesuid", "nodule", "candidate", "x", "y", "z", "diameter_mm", "confidence"]


@dataclass(frozen=True)
class Picture:
    """What one picture shows: a slice, truth and the detector's outline on it, and words."""

    image: NDArray[np.uint8]  # (y, x) the whole stored slice
    truth: NDArray[np.bool_]  # (y, x)
    found: NDArray[np.bool_]  # (y, x)
    centre: tuple[float, float]  # (y, x) px
    mm_per_px: float
    title: str
    place: str


def part_of(folds: pd.DataFrame) -> dict[str, str]:
    """Part of each scan of table `folds`: test or fold_<k>."""
    return {
        uid: TEST if fold == TEST_FOLD else f"fold_{fold}"
        for uid, fold in zip(folds["seriesuid"], folds["fold"], strict=True)
    }


def choose(kind: str, candidates: pd.DataFrame, nodules: pd.DataFrame, count: int) -> pd.DataFrame:
    """Rows to show of a kind (hits, misses, false_alarms), the held-out test part first.

    candidates: table `classified` with a column `part`; nodules: table `nodules`, with `part`.
    Returns at most `count` rows with the columns CASE: hits from sure to unsure and misses from
    large to small, evenly over all of them; the false alarms with the highest confidence. Where
    the test part has fewer than `count`, out-of-fold rows follow.
    """
    cases = {"hits": _hits, "misses": _misses, "false_alarms": _false_alarms}[kind](
        candidates, nodules
    )
    test = cases[cases["part"] == TEST]
    rest = cases[cases["part"] != TEST]
    spread = _head if kind == "false_alarms" else _evenly
    chosen = spread(test, count)
    return pd.concat([chosen, spread(rest, count - len(chosen))], ignore_index=True)


def picture(
    kind: str, case: Mapping[str, Any], stack: Stack, found: pd.DataFrame, detector: str
) -> Picture:
    """The picture of one row of `choose`; found: the scan's `regions` rows of the detector."""
    grid = stack.geometry
    found = regions.select(found, detector, "slices")
    point = [float(case[axis]) for axis in "xyz"]
    own = found[found["region"] == case["candidate"]]
    z, y, x = grid.to_index(point)
    depth = _slice_to_show(kind, int(np.clip(round(z), 0, grid.shape[0] - 1)), case, stack, own)
    return Picture(
        image=np.asarray(stack.array[depth]),
        truth=stack.labels(depth) > 0,
        found=regions.paint_slice(found[found["z"] == depth], grid.shape[1:]) > 0,
        centre=(float(y), float(x)),
        mm_per_px=_mm_per_px(grid),
        title=_title(kind, case),
        place=f"{part_name(str(case['part']))}, scan …{str(case['seriesuid'])[-6:]}, slice {depth}",
    )


@plotting.styled
def draw(kind: str, pictures: Iterable[Picture], detector: str) -> Figure:
    """Pictures of one kind as a figure, four in a row, with a scale bar in mm."""
    pictures = list(pictures)
    rows = max(1, -(-len(pictures) // COLUMNS))
    figure, axes = plotting.panels(COLUMNS, rows, width=10.0, height=2.95)
    figure.suptitle(
        f"{following(HEADINGS[kind], detector)} (n shown = {len(pictures)})",
        x=0.01,
        ha="left",
        fontweight="bold",
    )
    for panel, shown in zip(axes, pictures, strict=False):
        _draw_picture(panel, shown)
    for panel in axes[len(pictures) :]:
        panel.set_axis_off()
    if not pictures:
        none = following(NONE[kind], detector)
        figure.text(0.5, 0.5, none, ha="center", va="center", fontsize=12)
    lines = [
        Line2D([], [], color=TRUTH, linewidth=2, label="truth"),
        Line2D([], [], color=FOUND, linewidth=2, linestyle="--", label=following(UNET, detector)),
        Line2D([], [], color="white", linewidth=3, label=f"{BAR_MM:g} mm"),
    ]
    legend = figure.legend(handles=lines, loc="outside upper right", ncols=3, fontsize=9)
    legend.get_frame().set(facecolor="0.35", alpha=1)
    for text in legend.get_texts():
        text.set_color("white")
    return figure


def _hits(candidates: pd.DataFrame, nodules: pd.DataFrame) -> pd.DataFrame:
    """The surest candidate of each nodule that was hit, by falling confidence."""
    found = candidates[candidates["nodule"] > 0].sort_values(
        ["confidence", "seriesuid", "candidate"], ascending=[False, True, True]
    )
    return found.drop_duplicates(["seriesuid", "nodule"])[CASE]


def _misses(candidates: pd.DataFrame, nodules: pd.DataFrame) -> pd.DataFrame:
    """Nodules that no candidate hits by the official rule, by falling diameter."""
    marks = {uid: own[["x", "y", "z"]].to_numpy() for uid, own in candidates.groupby("seriesuid")}
    missed = pd.Series(True, nodules.index, dtype=bool)
    for uid, own in nodules.groupby("seriesuid"):
        found = hits(marks.get(uid, ()), own[["x", "y", "z"]], own["diameter_mm"])
        missed[own.index] = ~found.any(axis=0)
    cases = nodules[missed].assign(candidate=0, confidence=np.nan)
    return cases.sort_values(["diameter_mm", "seriesuid", "nodule"], ascending=[False, True, True])[
        CASE
    ]


def _false_alarms(candidates: pd.DataFrame, nodules: pd.DataFrame) -> pd.DataFrame:
    """Candidates on neither a nodule nor an excluded finding, by falling confidence."""
    alarms = candidates[(candidates["nodule"] == 0) & ~candidates["excluded"].astype(bool)]
    return alarms.sort_values(
        ["confidence", "seriesuid", "candidate"], ascending=[False, True, True]
    )[CASE]


def _head(cases: pd.DataFrame, count: int) -> pd.DataFrame:
    return cases.head(count)


def _evenly(cases: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` rows at even distances, the first and the last among them."""
    if len(cases) <= count:
        return cases
    return cases.iloc[np.linspace(0, len(cases) - 1, count).round().astype(int)]


def _slice_to_show(
    kind: str, centre: int, case: Mapping[str, Any], stack: Stack, own: pd.DataFrame
) -> int:
    """The slice where the nodule, or for a false alarm the candidate, is largest."""
    if kind == "false_alarms":
        areas = dict(zip(own["z"].astype(int), regions.area(own), strict=True))
    else:
        areas = {
            int(z): int((stack.labels(int(z)) == case["nodule"]).sum()) for z in stack.nodule_slices
        }
    largest = max(areas.values(), default=0)
    # Where several are equally large, the one nearest to the centre.
    best = [z for z, area in areas.items() if area == largest and area > 0]
    return min(best, key=lambda z: abs(z - centre), default=centre)


def _mm_per_px(grid: Geometry) -> float:
    return float(grid.spacing_zyx[1])


def _title(kind: str, case: Mapping[str, Any]) -> str:
    diameter = float(case["diameter_mm"])
    size = f"{diameter:.1f} mm" if diameter >= 0 else "diameter unknown"
    if kind == "misses":
        return f"missed, {size}"
    return f"confidence {float(case['confidence']):.2f}, {size}"


def _draw_picture(axes: Axes, shown: Picture) -> None:
    """A picture of VIEW_MM around the centre; the whole slice small in its corner."""
    half = VIEW_MM / 2 / shown.mm_per_px
    (y, x), height, width = shown.centre, *shown.image.shape
    axes.imshow(shown.image, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
    for mask, colour, dash in ((shown.truth, TRUTH, "solid"), (shown.found, FOUND, "dashed")):
        if mask.any():
            axes.contour(mask, [0.5], colors=colour, linewidths=1.4, linestyles=dash)
    axes.set(xlim=(x - half, x + half), ylim=(y + half, y - half), xticks=[], yticks=[])
    axes.set_facecolor("black")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_title(shown.title, fontsize=9.5, pad=14)
    axes.text(0, 1.015, shown.place, transform=axes.transAxes, fontsize=7.5, color="0.35")
    bar = BAR_MM / shown.mm_per_px
    left, low = x - half * 0.93, y + half * 0.92
    (line,) = axes.plot([left, left + bar], [low, low], color="white", linewidth=3)
    line.set(solid_capstyle="butt", path_effects=[withStroke(linewidth=5, foreground="black")])
    inset = axes.inset_axes((0.7, 0.0, 0.3, 0.3))
    inset.imshow(shown.image, cmap="gray", vmin=0, vmax=255)
    inset.plot(
        x + half * np.array([-1, 1, 1, -1, -1]),
        y + half * np.array([-1, -1, 1, 1, -1]),
        color="white",
        linewidth=0.8,
    )
    inset.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])
    inset.grid(visible=False)
    for spine in inset.spines.values():
        spine.set(visible=True, color="white", linewidth=0.6)
