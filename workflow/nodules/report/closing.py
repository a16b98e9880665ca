"""Closing lines of a run on the terminal: where the report is, and its main numbers."""

from collections.abc import Collection, Iterator
from pathlib import Path

import pandas as pd

from nodules.base import tables
from nodules.evaluation import names

# Pages to open, the best first; and by rule, the line for a run that built no report.
PAGES = ("index.html", "report.html")
MADE = {
    "export_model": "The exported networks: {results}/models. Next: luna16 predict --help",
    "draw_epochs": "The figures: {results}/figures.",
}
INTERVAL = "95 % bootstrap intervals, whole scans or patients resampled"
SHOWN = (("cpm", names.SYSTEMS, "CPM"), ("malignancy_auc", names.MALIGNANCY, "malignancy AUC"))


def lines(results: Path, done: Collection[str]) -> list[str]:
    """The report's path and headline numbers if it was built, else what else was made.

    results: the run's folder. done: names of the rules whose jobs ran.
    """
    if "build_report" not in done:
        return [text.format(results=results) for rule, text in MADE.items() if rule in done]
    page = next((results / name for name in PAGES if (results / name).is_file()), None)
    told = [f"The report: {page}"] if page else []
    metrics = results / "evaluation/metrics.parquet"
    if metrics.is_file():
        told += headline(tables.read(metrics, "metrics"))
    return told


def headline(metrics: pd.DataFrame) -> list[str]:
    """CPM and malignancy AUC of every system, in cross-validation or else on the test set.

    metrics: table `metrics`.
    """
    sets = [key for key in (names.OUT_OF_FOLD, names.TEST) if key in set(metrics["set"])]
    if not sets:
        return []
    own = metrics[(metrics["set"] == sets[0]) & (metrics["other"] == "")]
    title = {names.OUT_OF_FOLD: "Cross-validation", names.TEST: "Test"}[sets[0]]
    return [f"{title} ({INTERVAL}):", *_rows(own)]


def _rows(metrics: pd.DataFrame) -> Iterator[str]:
    """A line for each measure and system."""
    for measure, systems, words in SHOWN:
        found = metrics[(metrics["measure"] == measure) & metrics["value"].notna()]
        by_system = found.drop_duplicates("system").set_index("system")
        for system in names.present(systems.values(), set(by_system.index)):
            row = by_system.loc[system.key]
            interval = f"({row['low']:.3f} to {row['high']:.3f})" if pd.notna(row["low"]) else ""
            n = f"{row['n']} {row['unit']}"
            yield f"  {words:<14} {row['value']:.3f} {interval:<16}  {system.name}, {n}"
