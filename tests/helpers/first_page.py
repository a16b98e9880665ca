"""A small results folder with a first page and all that it links to, of invented numbers."""

from pathlib import Path
from typing import Any

import pandas as pd

from helpers import example_results as results
from helpers.example_results import number
from nodules.base import tables
from nodules.report import plotting
from nodules.report.captions import Source
from nodules.report.figures import detection, gallery
from nodules.report.pages import files, first, numbers
from nodules.report.pages.page import Page

NONE = {"low": float("nan"), "high": float("nan"), "reason": "4 scans, where an interval needs 5"}
CONFIG: dict[str, Any] = {
    "seed": first.CHOSEN_ON,
    "data": {"source": "phantom"},
    "detectors": ["unet"],
    "tasks": ["presence", "malignancy"],
    "malignancy": {"network": "resnet"},
    "maskrcnn": {"enabled": True, "backbone": "resnet18", "epochs": 1},
    "scoring": {"bootstrap": 1000},
}
SCORE = {"cpm": 0.6125, "cpm_ci": [0.55, 0.75], "n_scans": 30, "n_nodules": 42}
SCORE |= {"sensitivity": {"1": 0.6549}, "sensitivity_ci": {"1": [0.5, 0.8]}}


def metrics() -> pd.DataFrame:
    """Table `metrics`: five numbers in cross-validation, and on a test too small for intervals."""
    places: list[dict[str, Any]] = [
        {"measure": "cpm", "system": "unet_resnet", "value": 0.6125, "unit": "scans"},
        {"measure": "sensitivity", "system": "unet_resnet", "point": "1", "value": 0.6549},
        {"measure": "cpm", "system": "unet_resnet", "other": "unet", "value": -0.0312},
        {"measure": "dice", "system": "unet", "value": 0.7311},
        {"measure": "malignancy_auc", "system": "resnet", "other": "diameter", "value": 0.0444},
        {"measure": "presence_auc", "system": "presence", "value": 0.9},
    ]
    rows = []
    for place in places:
        low, high = place["value"] - 0.0511, place["value"] + 0.0611
        rows.append(number(where="out_of_fold", **place | {"low": low, "high": high, "n": 36}))
        rows.append(number(where="test", **place | NONE | {"n": 4}))
    return tables.frame("metrics", rows)


def scores() -> dict[str, Any]:
    """What detection.json holds: two stages and one, whose difference is not shown to be one."""
    sets = dict.fromkeys(results.SETS, SCORE)
    gap = {"value": -0.0312, "low": -0.08, "high": 0.03}
    return {
        "systems": {"unet": sets, "unet_resnet": sets},
        "differences": {"unet_resnet_minus_unet": dict.fromkeys(results.SETS, gap)},
        "statement": "It does not help.",
    }


def run(folder: Path) -> first.Run:
    """The run whose files lie in a folder."""
    folds = {"seriesuid": [f"2.25.{i}" for i in range(40)], "fold": [-1] * 4 + [0, 1] * 18}
    table = pd.DataFrame(folds | {"n_nodules": [2] * 40, "patient": folds["seriesuid"]})
    listed = files.find(folder, ["froc"], files.PAGES, but="write_first_page")
    return first.Run(metrics(), scores(), CONFIG, table, "0123abc", listed)


def write(folder: Path) -> Path:
    """Write the first page and what it links to into a folder; the page's path."""
    for name in ("figures", "gallery", "report", "evaluation", "logs/train_unet"):
        (folder / name).mkdir(parents=True)
    curve = detection.froc_curves(results.froc_table(), results.detection())
    paths = [folder / f"figures/froc.{end}" for end in files.ENDS]
    plotting.save(curve, paths, Source(1000).caption("froc", "n = 30 scans"))
    for kind in first.STRIPS:
        plotting.save(gallery.draw(kind, [], 0, "unet"), [folder / f"gallery/{kind}.png"])
        plotting.save(gallery.strip([]), [folder / f"gallery/strip_{kind}.png"])
    table = metrics()
    tables.write(folder / "evaluation/metrics.parquet", "metrics", table)
    numbers.page(table, scores(), None).write(folder / "report/metrics.html")
    for name in ("report.html", "report/malignancy.html"):
        Page("A page").write(folder / name)
    (folder / "logs/train_unet/fold_0.log").write_text("trained\n")
    page = folder / "index.html"
    page.write_text(first.html(run(folder)), encoding="utf-8")
    return page
