"""The report's section on lungs: how they were found, and how well several methods agree."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nodules.evaluation.names import UNET
from nodules.report.pages.page import Page
from nodules.report.words import REGIONS

GIVEN = "given"  # the method that uses given lung masks unchanged
METHOD_WORDS = {
    "volume": "the 3-D method",
    "slice_kmeans": "k-means, slice by slice",
    "given": "given masks",
    "unet": f"the lung {UNET}",
    "density": "density",
    "none": "no method",
}


def add(page: Page, lungs: pd.DataFrame, agreement: pd.DataFrame, region: str = "") -> None:
    """Add the section to a page, from tables `lungs` and `lung_agreement`, which may be empty.

    region: name of the organ that was searched instead; its section is shorter.
    """
    if len(lungs) and lungs["method"].isin(list(REGIONS)).all():
        page.heading("Region")
        page.text(_region(lungs, region))
        return
    page.heading("Lungs")
    page.text(_lungs_found(lungs))
    odd = lungs[lungs["objection"] != ""]
    if len(odd):
        page.table([_lung_row(row) for row in odd.itertuples()], numbers=["litres"])
    if len(agreement):
        page.text(_agreement_text(agreement))
        rows = [_agreement_row(row) for row in summary(agreement)]
        page.table(rows, numbers=["scans", "median Dice", "lowest Dice"])


def _region(lungs: pd.DataFrame, organ: str) -> str:
    """Which region was searched for lesions, and its volume."""
    low, middle, high = lungs["litres"].quantile([0, 0.5, 1])
    where = REGIONS[lungs["method"].iloc[0]]
    return (
        f"Organ: {organ}. Nodules were looked for in {where} of {len(lungs):,} scans, {low:.2f} to"
        f" {high:.2f} litres (median {middle:.2f})."
    )


def summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Agreement with each other method: scans, median and least Dice, and the scan of the least.

    table: `lung_agreement`. A scan in which neither method found lungs is not counted. The best
    agreement comes first.
    """
    rows = []
    for other, group in table.dropna(subset=["dice"]).groupby("other"):
        worst = group.loc[group["dice"].idxmin()]
        numbers = {"median": float(group["dice"].median()), "least": float(worst["dice"])}
        rows.append({"other": other, "scans": len(group), **numbers, "scan": worst["seriesuid"]})
    return sorted(rows, key=lambda row: (-row["median"], row["other"]))


def _lungs_found(lungs: pd.DataFrame) -> str:
    """In how many scans lungs were found by the config's method, by density, and not at all."""
    first = lungs[lungs["objection"] == ""]
    lost = int((lungs["method"] == "").sum())
    kept = int(((lungs["method"] == GIVEN) & (lungs["objection"] != "")).sum())
    if second := len(lungs) - len(first) - lost - kept:
        again = f" In {second:,} they were found by density, because its result was implausible."
    else:
        again = ""
    size = ""
    if len(first):
        low, middle, high = first["litres"].quantile([0, 0.5, 1])
        size = f" ({low:.1f} to {high:.1f} litres, median {middle:.1f})"
    none = f" In {lost:,} no lungs were found, so their whole slices are kept." if lost else ""
    doubtful = (
        f" In {kept:,} the given mask is used as it is, although it looks implausible."
        if kept
        else ""
    )
    return (
        f"The config's method found lungs in {len(first):,} of {len(lungs):,} scans{size}."
        f"{again}{none}{doubtful}"
    )


def _lung_row(row: Any) -> dict[str, Any]:
    """A scan in which the config's method found no plausible lungs; `row` of table `lungs`."""
    return {
        "scan": row.seriesuid,
        "why": row.objection,
        "found by": row.method or "no method",
        "litres": f"{row.litres:.2f}" if row.method else "",
    }


def _agreement_text(agreement: pd.DataFrame) -> str:
    """What the Dice between lungs of several methods measures."""
    used = ", ".join(METHOD_WORDS.get(m, m) for m in sorted(set(agreement["method"])))
    return (
        f"How far the lungs used (by {used}) agree with those that other methods find in the same"
        " scan: 3-D Dice on a grid of about 2 mm. No method is the ground truth here."
    )


def _agreement_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Agreement with one other method; `row` of `summary`."""
    return {
        "other method": METHOD_WORDS.get(row["other"], row["other"]),
        "scans": row["scans"],
        "median Dice": f"{row['median']:.3f}",
        "lowest Dice": f"{row['least']:.3f}",
        "in scan": row["scan"],
    }
