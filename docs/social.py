"""Draw docs/social.png from a finished default run: `python docs/social.py results`.

The picture of the README, and of links to the repository (1280 x 640). All its scans are phantoms.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nodules.base import tables
from nodules.evaluation import froc, names
from nodules.evaluation.froc_text import RATE_LABELS
from nodules.images.regions import paint_slice
from nodules.report import plotting

TARGET = Path(__file__).with_name("social.png")
SIZE, DPI = (12.8, 6.4), 100  # inches, and pixels in one
PARTS = ("fold_0", "fold_1")
ZOOM = 56  # pixels along a side of what is shown of a slice
READERS, FOUND = plotting.ORANGE, plotting.SKY
WORDS = "Lung nodules in chest CT: raw LUNA16 scans in; official scores, figures and a report out"
CAPTION = (
    "Built-in phantom scans, cross-validation: every scan is judged by the network that was"
    " trained without it."
)
SHARES = (0.25, 0.55, 0.9)  # of the way from the smallest hit to the largest: what is shown


def hits(results: Path) -> pd.DataFrame:
    """What the U-Net found of real nodules, small to large, each where its region is largest."""
    found = []
    for part in PARTS:
        folder = results / f"detection/unet/{part}"
        regions = tables.read(folder / "regions.parquet", "regions")
        matches = tables.read(folder / "matches.parquet", "matches")
        true = matches[matches["nodule"] > 0].rename(columns={"candidate": "region"})
        own = regions.merge(true[["seriesuid", "region"]], on=["seriesuid", "region"])
        own["area"], own["part"] = own["height"] * own["width"], part
        largest = own.sort_values("area").drop_duplicates(["seriesuid", "region"], keep="last")
        found.append(largest)
    return pd.concat(found).sort_values(["area", "seriesuid"], ignore_index=True)


def draw_slice(axes: Axes, results: Path, row: pd.Series) -> None:
    """The surroundings of a hit, with the readers' outline and the U-Net's."""
    uid, z = row["seriesuid"], int(row["z"])
    image = np.load(results / f"slices/{uid}.npy", mmap_mode="r")[z]
    y, x = row["y0"] + row["height"] // 2, row["x0"] + row["width"] // 2
    top, left = (
        int(np.clip(c - ZOOM // 2, 0, n - ZOOM)) for c, n in zip((y, x), image.shape, strict=True)
    )
    window = (slice(top, top + ZOOM), slice(left, left + ZOOM))
    axes.imshow(image[window], cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
    found = tables.read(results / f"detection/unet/{row['part']}/regions.parquet", "regions")
    truth = tables.read(results / f"masks/{uid}.parquet", "regions")
    for table, kind, colour, dash in (
        (found[found["seriesuid"] == uid], "unet", FOUND, "solid"),
        (truth, "readers", READERS, "dashed"),
    ):
        here = table[(table["z"] == z) & (table["grid"] == "slices") & (table["kind"] == kind)]
        mask = paint_slice(here, image.shape)[window] > 0
        if mask.any():
            axes.contour(mask, [0.5], colors=[colour], linewidths=[2.2], linestyles=[dash])
    axes.set_axis_off()


def draw_froc(axes: Axes, table: pd.DataFrame) -> None:
    """FROC of the two stages and of the U-Net alone, with 95 % bands."""
    own = table[(table["set"] == names.OUT_OF_FOLD) & (table["point"] == "band")]
    for key in ("unet", "unet3d_reduction", "unet_resnet"):
        system, curve = names.SYSTEMS[key], own[own["system"] == key]
        colour, rates = plotting.PALETTE[system.colour], curve["fp_per_scan"]
        axes.fill_between(rates, curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0)
        axes.plot(rates, curve["sensitivity"], color=colour, linestyle=system.dash, linewidth=2.4)
        axes.plot([], [], color=colour, linestyle=system.dash, label=system.name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(froc.RATES, RATE_LABELS)
    axes.set(xlim=(froc.RATES[0], froc.RATES[-1]), ylim=(0, 1), yticks=[0, 0.25, 0.5, 0.75, 1])
    axes.set_xlabel("False positives per scan", fontsize=13)
    axes.set_ylabel("Sensitivity", fontsize=13)
    axes.tick_params(labelsize=12)
    axes.legend(loc="lower right", fontsize=13, title="FROC, 95 % bands", title_fontsize=12)


@plotting.styled
def draw(results: Path) -> Figure:
    """Three hits above their key, and the FROC beside them."""
    figure = Figure(figsize=SIZE, dpi=DPI, facecolor="white")
    figure.text(0.035, 0.885, "luna16-nodules", fontsize=32, weight="bold", color=plotting.BLACK)
    figure.text(0.035, 0.82, WORDS, fontsize=15.5, color="0.25")
    figure.text(0.035, 0.035, CAPTION, fontsize=12, color="0.35")
    found = hits(results)
    for place, share in enumerate(SHARES):
        axes = figure.add_axes((0.035 + 0.193 * place, 0.32, 0.183, 0.366))
        draw_slice(axes, results, found.iloc[round(share * (len(found) - 1))])
    key = [
        Line2D([], [], color=FOUND, linewidth=2.4, label="U-Net"),
        Line2D([], [], color=READERS, linewidth=2.4, linestyle="--", label="readers' consensus"),
    ]
    place = {"loc": "upper left", "bbox_to_anchor": (0.028, 0.3), "ncols": 2}
    figure.legend(handles=key, fontsize=13, frameon=False, **place)
    draw_froc(
        figure.add_axes((0.7, 0.2, 0.275, 0.55)),
        tables.read(results / "evaluation/froc.parquet", "froc"),
    )
    return figure


if __name__ == "__main__":
    draw(Path(sys.argv[1])).savefig(TARGET, metadata={"Software": None})
