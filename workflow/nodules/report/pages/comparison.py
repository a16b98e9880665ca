"""Table `comparison` laid out for people: both systems and their difference side by side."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nodules.evaluation.metrics import MEASURES, POINTS
from nodules.evaluation.names import SETS, SYSTEMS
from nodules.report import lookup
from nodules.report.lookup import interval
from nodules.report.pages.page import cell
from nodules.report.pages.tables import MetricTable

STAGES = {"": "", "raw": ", as given", "calibrated": ", calibrated"}


def tables_of(table: pd.DataFrame) -> Iterator[MetricTable]:
    """A table per set and pair of systems: both numbers, and the difference with its interval."""
    for name in lookup.shown_sets(table):
        for (one, other), part in lookup.rows(table, set=name).groupby(
            ["one", "other"], sort=False
        ):
            first, second = SYSTEMS[one].name, SYSTEMS[other].name
            result = MetricTable(f"{first} minus {second}, {SETS[name].name}")
            for row in part.to_dict("records"):
                bounds = (row["low"], row["high"])
                result.rows.append(
                    {
                        "": _name(row) + result.mark(str(row["definition"])),
                        first: cell(float(row["one_value"])),
                        second: cell(float(row["other_value"])),
                        "difference": interval(row["difference"], bounds, "+.3f"),
                        "n": f"{row['n']:,} {row['unit']}",
                    }
                )
            yield result


def _name(row: Mapping[Any, Any]) -> str:
    point = f" at {POINTS[row['point']].words}" if row["point"] else ""
    return MEASURES[row["measure"]].words + point + STAGES[row["stage"]]
