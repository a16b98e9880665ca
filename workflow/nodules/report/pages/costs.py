"""The report's page on time and memory."""

import pandas as pd

from nodules.report.pages.page import Page


def costs(table: pd.DataFrame) -> Page:
    """The page on time and memory by rule. table: from `evaluation.costs.rule_costs`."""
    page = Page("Time and memory of each step")
    page.text(
        "Steps are named after the workflow's rules. Wall-clock and processor time, over all"
        " jobs of the last run of each, and the peak memory (resident set) of any one job."
        " Snakemake samples only now and then: for jobs of a second or less it sees too little"
        " memory and processor time, or none (–).",
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
        f" {_rounded(table['cpu_s'].sum())} s of processor time."
    )
    return page


def _rounded(value: float) -> str:
    return "–" if value != value else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
