"""What the figure modules share: names of sets and systems, and how numbers are looked up."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nodules.plotting import BLACK, BLUE, GREEN, PURPLE, VERMILION, interval

SETS = {"test": "held-out test scans", "out_of_fold": "left-out scans of all folds"}
SET_COLOURS = {"test": BLUE, "out_of_fold": VERMILION}
SYSTEMS = {
    "unet": "U-Net alone",
    "unet_resnet": "U-Net + ResNet50",
    "maskrcnn": "Mask R-CNN",
}
MODELS = {
    "unet": "U-Net",
    "resnet": "ResNet50",
    "malignancy": "Malignancy ResNet50",
    "maskrcnn": "Mask R-CNN",
}
COMPARISONS = {
    "unet": "U-Net",
    "maskrcnn": "Mask R-CNN",
    "reader": "one reader against the others",
    "sphere": "sphere of the annotated diameter",
}
COMPARISON_COLOURS = {"unet": BLUE, "maskrcnn": GREEN, "reader": PURPLE, "sphere": BLACK}


def shown_sets(table: pd.DataFrame) -> list[str]:
    """The pooled sets that a table has, the held-out test first."""
    present = set(table["set"])
    return [name for name in SETS if name in present]


def main_set(table: pd.DataFrame) -> str:
    """The set a single panel shows: the held-out test, or all left-out scans where none is."""
    return next(iter(shown_sets(table)), "test")


def rows(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """The rows whose columns have the given values."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def estimate(found: Mapping[str, Any] | None, form: str = ".3f") -> str:
    """An estimate {value, low, high} of a results file as text; a dash where it is undefined."""
    if not found:
        return "–"
    return interval(found["value"], (found["low"], found["high"]), form)


def counted(count: int, unit: str) -> str:
    """A count with its unit and a thousands separator, such as `n = 1,186 nodules`."""
    return f"n = {count:,} {unit}"
