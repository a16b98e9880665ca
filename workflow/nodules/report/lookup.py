"""Looking up numbers for figures and pages, and formatting them."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from nodules.evaluation.names import OUT_OF_FOLD, SETS

# How the characters in a diameter class's key are printed.
SPELLED = str.maketrans({">": "≥ ", "=": "", "<": "< ", "-": "–"})


def shown_sets(table: pd.DataFrame) -> list[str]:
    """Keys of the pooled sets in a table, cross-validation first."""
    present = set(table["set"])
    return [name for name in SETS if name in present]


def main_set(table: pd.DataFrame) -> str:
    """The set for a single panel: cross-validation, or test if the table has nothing else."""
    return next(iter(shown_sets(table)), OUT_OF_FOLD)


def rows(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """The rows whose columns have the given values."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def class_name(diameter_class: str) -> str:
    """A diameter class with its unit, such as `5–8 mm`."""
    return diameter_class.translate(SPELLED) + " mm"


def sentence(text: str) -> str:
    """The text with its first letter capitalised."""
    return text[:1].upper() + text[1:]


def estimate(found: Mapping[str, Any] | None, form: str = ".3f") -> str:
    """An estimate {value, low, high} from a results file as text; a dash if it is undefined."""
    if not found:
        return "–"
    return interval(found["value"], (found["low"], found["high"]), form)


def counted(count: int, units: str) -> str:
    """A count with its unit, such as `n = 1 scan` or `n = 1,186 nodules`. units: in the plural."""
    return f"n = {amount(count, units)}"


def amount(count: int, units: str) -> str:
    """A count with its unit and a thousands separator. units: in the plural."""
    return f"{count:,} {units.removesuffix('s') if count == 1 else units}"


def interval(value: float | None, bounds: Iterable[float | None], form: str = ".3f") -> str:
    """A number with its 95 % interval, such as `0.812 (0.790 to 0.833)`; a dash for None or NaN."""
    if value is None or value != value:
        return "–"
    lower, upper = bounds
    if lower is None or upper is None or lower != lower or upper != upper:
        return f"{value:{form}} (–)"
    return f"{value:{form}} ({lower:{form}} to {upper:{form}})"
