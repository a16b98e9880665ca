"""The report's pages on the scans and on the run."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nodules.datasets.folds import TEST_FOLD, UNUSED
from nodules.evaluation.names import TEST
from nodules.report.pages import lungs as lung_part
from nodules.report.pages.page import Page

# What stands in the place of a fold's number.
NOT_A_FOLD = {TEST_FOLD: TEST, UNUSED: "none: a test patient's scan of another subset"}


def scans(
    sheet: pd.DataFrame,
    defects: pd.DataFrame,
    folds: pd.DataFrame,
    lungs: pd.DataFrame,
    agreement: pd.DataFrame,
    region: str = "",
) -> Page:
    """The page on scans used and skipped.

    Tables `scans`, `defects`, `folds`, and all `lungs` and `lung_agreement`; the last may be empty.
    region: name of the organ that was searched in place of the lungs, if any.
    """
    page = Page("Scans used and skipped")
    used, skipped = sheet[sheet["status"] == "ok"], sheet[sheet["status"] != "ok"]
    page.text(
        f"{len(used):,} of {len(sheet):,} scans found are used, with"
        f" {int(used['n_nodules'].sum()):,} reference nodules;"
        f" scans without any ({int((used['n_nodules'] == 0).sum()):,}) still count."
    )
    page.heading("Skipped scans")
    page.table(
        [
            {"subset": row.subset, "scan": row.seriesuid, "why": _why(defects, row.seriesuid)}
            for row in skipped.itertuples()
        ]
    )
    page.heading("Input defects")
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
    lung_part.add(page, lungs, agreement, region)
    page.heading("Folds")
    page.text("A fold is the scans its networks have not seen; no network has seen the test set.")
    page.table(list(_fold_rows(folds)), numbers=["scans", "patients", "nodules", "without nodule"])
    page.heading("Subsets")
    page.table(list(_subset_rows(sheet)), numbers=["subset", "found", "used", "nodules"])
    return page


def run(
    config: str,
    versions: Mapping[str, str],
    commit: str,
    data_hash: str,
    left_out: Mapping[str, str] | None = None,
) -> Page:
    """The page on the run: commit, hash of the data, config as YAML, versions of the software.

    left_out: stages that the data set cannot have, and why.
    """
    page = Page("Config and versions of this run")
    page.table(
        [
            {"what": "commit of the code", "value": commit},
            {"what": "SHA-256 over the hashes of all scans used", "value": data_hash},
        ]
    )
    if left_out:
        page.heading("Stages left out")
        page.table([{"stage": stage, "why": why} for stage, why in left_out.items()])
    page.heading("Config")
    page.text("As the run was started, with all keys filled in. Everything uses the one seed.")
    page.code(config)
    page.heading("Software")
    page.table([{"what": name, "version": found} for name, found in versions.items()])
    return page


def _why(defects: pd.DataFrame, uid: object) -> str:
    own = defects[(defects["seriesuid"] == uid) & defects["fatal"]]
    return "; ".join(own["reason"])


def _fold_rows(folds: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for fold, group in folds.groupby("fold"):
        yield {
            "fold": NOT_A_FOLD.get(fold, fold),
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
