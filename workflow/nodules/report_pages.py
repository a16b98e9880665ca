"""The report's pages of tables: numbers, scans, run, costs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

import pandas as pd

from nodules import comparison_tables, metric_tables
from nodules.metric_tables import MetricTable
from nodules.pages import Page

Builder = Callable[[pd.DataFrame], Iterable[MetricTable]]

# Title: text, which numbers of those that are left belong to it, and what makes tables of them.
SECTIONS: dict[str, tuple[str, Callable[[str], bool], Builder]] = {
    "Detection": (
        "Marks are scored by LUNA16's official rules. All scans of a set count in the denominator"
        " of false positives, with or without nodules or marks; a missed nodule stays in that of"
        " the sensitivity.",
        lambda name: name.startswith(("cpm", "sensitivity_at", "recall_", "false_", "candidates_")),
        metric_tables.detection,
    ),
    "Segmentation": (
        "Every nodule counts once. The readers' agreement with each other and a mere sphere of the"
        " annotated diameter are the human and the trivial bar.",
        lambda name: name.startswith(("dice", "iou", "voxel_", "surface_mm")),
        metric_tables.segmentation,
    ),
    "Classification": (
        "ResNet50 on the U-Net's candidates. A candidate is a nodule where it hits one by the"
        " official rule; one that hits only an excluded finding is left out. Threshold and"
        " temperature are fitted on other scans than those they are applied to.",
        lambda name: "_and_" not in name and not name.startswith("slope"),
        metric_tables.classification,
    ),
    "Confidence as a proxy, and trends over slices": (
        "The weights are frozen: a slope over the slice index describes the order of the slices,"
        " not learning.",
        lambda name: True,
        metric_tables.proxy,
    ),
}
COMPARED = (
    "Both systems on the same scans; differences are paired over the same resamples of the scans."
    " Confidence of a slice: the ResNet50's at the U-Net's strongest pixel, and the highest score"
    " of Mask R-CNN's instances. Confidences of two networks are not on one scale, so they are"
    " compared as given, as was published, and calibrated on other scans."
)
INTERVALS = (
    "In brackets: 95 % intervals from resampling whole scans (for a slope over slices: from its"
    " regression). A dash means undefined; the note says why."
)


def metrics(
    table: pd.DataFrame,
    trends: Mapping[str, Any] | None,
    explanations: Mapping[str, Any] | None = None,
    comparison: tuple[pd.DataFrame, Mapping[str, Any]] | None = None,
) -> Page:
    """The page of all numbers. table: `metrics`.

    trends, explanations: trends.json and explanations.json, for their statements; None where the
    ResNet50's task gives none. comparison: table `comparison` and comparison.json, where Mask
    R-CNN was run. A section without numbers is left out.
    """
    page = Page("Numbers of this run")
    page.text(INTERVALS, "note")
    page.heading("At a glance")
    _show(page, metric_tables.glance(table))
    if trends:
        page.heading("Is confidence a proxy for segmentation quality?")
        page.text(str(trends["statement"]), "finding")
    explained = table["metric"].str.startswith("explanation_")
    # Benign or malignant has a page of its own.
    elsewhere = explained | table["metric"].str.startswith("malignancy_")
    left = metric_tables.pooled(table[~elsewhere])
    for title, (text, belongs, build) in SECTIONS.items():
        own = left["metric"].map(belongs).astype(bool)
        if own.any():
            page.heading(title)
            page.text(text)
            _show(page, *build(left[own]))
        left = left[~own]
    if comparison:
        page.heading("Two stages against one: Mask R-CNN")
        page.text(COMPARED)
        for statement in comparison[1]["statements"].values():
            page.text(str(statement), "finding")
        _show(page, *comparison_tables.tables_of(comparison[0]))
    if explanations:
        page.heading("Where the malignancy ResNet50 looks")
        page.text(str(explanations["statement"]), "finding")
        _show(page, metric_tables.explanations(table[explained]))
    page.heading("CPM of each fold")
    _show(page, metric_tables.by_fold(table))
    return page


def scans(sheet: pd.DataFrame, defects: pd.DataFrame, folds: pd.DataFrame) -> Page:
    """The page of scans used and skipped. Tables `scans`, `defects`, `folds`."""
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


def costs(table: pd.DataFrame) -> Page:
    """The page of time and memory by rule. table: of `provenance.costs`."""
    page = Page("Time and memory of each rule")
    page.text(
        "Wall-clock and processor seconds of the jobs of the last run of each, and the largest"
        " memory (resident set) of any one job. Jobs that take less than Snakemake's measuring"
        " interval have no memory measured.",
        "note",
    )
    names = {
        "rule": "rule",
        "jobs": "jobs",
        "total_s": "all jobs (s)",
        "longest_s": "longest job (s)",
        "cpu_s": "processor (s)",
        "peak_mb": "peak memory (MB)",
    }
    rows = [
        {
            names["rule"]: row["rule"],
            names["jobs"]: row["jobs"],
            **{names[c]: _rounded(row[c]) for c in ("total_s", "longest_s", "cpu_s", "peak_mb")},
        }
        for row in table.to_dict("records")
    ]
    page.table(rows, numbers=list(names.values())[1:])
    page.text(
        f"All rules: {_rounded(table['total_s'].sum())} s of jobs,"
        f" {_rounded(table['cpu_s'].sum())} s of processor."
    )
    return page


def _show(page: Page, *shown: MetricTable) -> None:
    """Add tables, those for few readers folded away at the end."""
    if not shown:
        page.text("None.", "note")
    folded = [table for table in shown if table.folded]
    _tables(page, [table for table in shown if not table.folded])
    if folded:
        with page.details("The other measures by diameter"):
            _tables(page, folded)


def _tables(page: Page, shown: list[MetricTable]) -> None:
    """Add tables with their notes, which tables in a row that share them have once."""
    for table, after in zip_longest(shown, shown[1:]):
        page.table(table.rows, table.caption, table.numbers)
        if after is None or after.notes != table.notes:
            page.notes(table.notes)


def _why(defects: pd.DataFrame, uid: object) -> str:
    own = defects[(defects["seriesuid"] == uid) & defects["fatal"]]
    return "; ".join(own["reason"])


def _fold_rows(folds: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for fold, group in folds.groupby("fold"):
        yield {
            "fold": "test" if fold == -1 else fold,
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


def _rounded(value: float) -> str:
    return "–" if value != value else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
