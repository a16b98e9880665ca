"""Table `comparison` as a reader wants it: both systems and their difference side by side."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nodules.evaluation import names
from nodules.report import lookup
from nodules.report.lookup import interval
from nodules.report.pages.tables import RATES, MetricTable

WORDS = {
    "cpm": "CPM",
    "dice": "Dice",
    "certainty": "Mean confidence in the answer",
    "confidence": "Mean confidence in a nodule",
    "brier": "Brier score",
    "ece": "ECE",
    "auc": "AUC of slices",
    "average_precision": "Average precision of slices",
}
STAGES = {"": "", "raw": ", as given", "calibrated": ", calibrated"}


def tables_of(table: pd.DataFrame) -> Iterator[MetricTable]:
    """A table for each set and pair of systems: numbers of both, difference with its interval."""
    for name in lookup.shown_sets(table):
        for (one, other), part in lookup.rows(table, set=name).groupby(
            ["one", "other"], sort=False
        ):
            first, second = (names.SYSTEMS.get(str(s), str(s)) for s in (one, other))
            result = MetricTable(f"{first} minus {second}, {names.SETS[name]}")
            for row in part.to_dict("records"):
                bounds = (row["low"], row["high"])
                result.rows.append(
                    {
                        "": _name(row) + result.mark(str(row["definition"])),
                        first: interval(row["one_value"], (None, None)),
                        second: interval(row["other_value"], (None, None)),
                        "difference": interval(row["difference"], bounds, "+.3f"),
                        "n": f"{row['n']:,} {row['unit']}",
                    }
                )
            yield result


def _name(row: Mapping[Any, Any]) -> str:
    metric, stage = str(row["metric"]), STAGES[str(row["stage"])]
    rate = metric.removeprefix("sensitivity_at_")
    if rate != metric:
        return f"Sensitivity at {RATES.get(rate, rate)} FP a scan"
    return WORDS.get(metric, metric) + stage
