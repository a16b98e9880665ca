"""The report's pages of scans and of the run."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nodules.datasets.folds import TEST_FOLD
from nodules.evaluation.lungs import summary
from nodules.evaluation.names import TEST
from nodules.report.pages.page import Page

GIVEN = "given"  # the method that uses lung masks as they are
METHOD_WORDS = {
    "volume": "the 3-D method",
    "slice_kmeans": "two means, slice by slice",
    "given": "given masks",
    "unet": "the lung U-Net",
    "density": "density",
    "none": "no method",
}


def scans(
    sheet: pd.DataFrame,
    defects: pd.DataFrame,
    folds: pd.DataFrame,
    lungs: pd.DataFrame,
    agreement: pd.DataFrame,
) -> Page:
    """The page of scans used and skipped.

    Tables `scans`, `defects`, `folds`, and all `lungs` and `lung_agreement`; this may be empty.
    """
    page = Page("Scans used and skipped")
    used, skipped = sheet[sheet["status"] == "ok"], sheet[sheet["status"] != "ok"]
    page.text(
        f"{len(used):,} of {len(sheet):,} scans found are used, with"
        f" {int(used['n_nodules'].sum()):,} reference nodules;"
        f" {int((used['n_nodules'] == 0).sum()):,} of them have none and count all the same."
    )
    page.heading("Skipped scans")
    page.table(
        [
            {"subset": row.subset, "scan": row.seriesuid, "why": _why(defects, row.seriesuid)}
            for row in skipped.itertuples()
        ]
    )
    page.heading("Defects of the input")
    page.table(
        [
            {
                "file": row.file,
                "what is wrong": row.reason,
                "what to do": row.remedy,
                "scan unusable": "yes" if row.fatal else "no",
            }
            for row in defects.itertuples()
        ]
    )
    page.heading("Lungs")
    page.text(_lungs_found(lungs))
    odd = lungs[lungs["objection"] != ""]
    if len(odd):
        page.table([_lung_row(row) for row in odd.itertuples()], numbers=["litres"])
    if len(agreement):
        page.text(_agreement_text(agreement))
        page.table(
            [_agreement_row(row) for row in summary(agreement)],
            numbers=["scans", "median Dice", "least Dice"],
        )
    page.heading("Folds")
    page.text("A fold is the set of scans that its networks have not seen; test is held out.")
    page.table(list(_fold_rows(folds)), numbers=["scans", "patients", "nodules", "without nodule"])
    page.heading("Subsets")
    page.table(list(_subset_rows(sheet)), numbers=["subset", "found", "used", "nodules"])
    return page


def run(config: str, versions: Mapping[str, str], commit: str, data_hash: str) -> Page:
    """The page of the run: commit, hash of the data, config as YAML, versions of the software."""
    page = Page("Config and versions of this run")
    page.table(
        [
            {"what": "commit of the code", "value": commit},
            {"what": "SHA-256 over the hashes of all scans used", "value": data_hash},
        ]
    )
    page.heading("Config")
    page.text("As the run was started, all keys filled in. seed is the one seed of everything.")
    page.code(config)
    page.heading("Software")
    page.table([{"what": name, "version": found} for name, found in versions.items()])
    return page


def _why(defects: pd.DataFrame, uid: object) -> str:
    own = defects[(defects["seriesuid"] == uid) & defects["fatal"]]
    return "; ".join(own["reason"])


def _lungs_found(lungs: pd.DataFrame) -> str:
    """In how many scans lungs were found, at the first try, at the second, and not at all."""
    first = lungs[lungs["objection"] == ""]
    lost = int((lungs["method"] == "").sum())
    kept = int(((lungs["method"] == GIVEN) & (lungs["objection"] != "")).sum())
    if second := len(lungs) - len(first) - lost - kept:
        again = (
            f" In {second:,} they were found by their density, since its result cannot be right."
        )
    else:
        again = ""
    size = ""
    if len(first):
        low, middle, high = first["litres"].quantile([0, 0.5, 1])
        size = f" ({low:.1f} to {high:.1f} litres, median {middle:.1f})"
    none = f" In {lost:,} no lungs were found, so their whole slices are kept." if lost else ""
    doubtful = (
        f" In {kept:,} the given mask is used as it is, although something speaks against it."
        if kept
        else ""
    )
    return (
        f"The config's method found lungs in {len(first):,} of {len(lungs):,} scans{size}."
        f"{again}{none}{doubtful}"
    )


def _agreement_text(agreement: pd.DataFrame) -> str:
    """What the Dice of lungs by several methods is of."""
    used = ", ".join(METHOD_WORDS.get(m, m) for m in sorted(set(agreement["method"])))
    return (
        f"How far the lungs used (by {used}) agree with those that other methods find in the same"
        " scan: Dice in 3-D, on a grid of about 2 mm. No method is the truth here."
    )


def _agreement_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Agreement with one other method; `row` of `evaluation.lungs.summary`."""
    return {
        "other method": METHOD_WORDS.get(row["other"], row["other"]),
        "scans": row["scans"],
        "median Dice": f"{row['median']:.3f}",
        "least Dice": f"{row['least']:.3f}",
        "in scan": row["scan"],
    }


def _lung_row(row: Any) -> dict[str, Any]:
    """A scan whose lungs the config's method did not find; `row` of table `lungs`."""
    return {
        "scan": row.seriesuid,
        "why": row.objection,
        "found by": row.method or "no method",
        "litres": f"{row.litres:.2f}" if row.method else "",
    }


def _fold_rows(folds: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for fold, group in folds.groupby("fold"):
        yield {
            "fold": TEST if fold == TEST_FOLD else fold,
            "scans": len(group),
            "patients": group["patient"].nunique(),
            "nodules": int(group["n_nodules"].sum()),
            "without nodule": int((group["n_nodules"] == 0).sum()),
        }


def _subset_rows(sheet: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for subset, group in sheet.groupby("subset"):
        used = group[group["status"] == "ok"]
        yield {
            "subset": subset,
            "found": len(group),
            "used": len(used),
            "nodules": int(used["n_nodules"].sum()),
        }
