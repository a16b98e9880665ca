"""Table `metrics` as a reader wants it: words for names, like numbers in one small table."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from nodules.evaluation.explanations import METHODS
from nodules.evaluation.froc_text import RATE_LABELS
from nodules.evaluation.names import SETS, SYSTEMS
from nodules.report import lookup
from nodules.report.lookup import interval

Cell = tuple[str, str, Mapping[Any, Any]]  # name of its row, of its column, row of `metrics`

# What a reader in a hurry wants: words, and metric and system of table `metrics`.
GLANCE = {
    "Nodules found, best 8 candidates a scan": ("recall_best_8_per_scan", "unet"),
    "False alarms a scan, all candidates": ("false_alarms_per_scan_all", "unet"),
    "CPM of the U-Net alone": ("cpm", "unet"),
    "CPM of U-Net and ResNet50": ("cpm", "unet_resnet"),
    "Dice of the U-Net, misses counted 0": ("dice", "unet"),
    "CPM of Mask R-CNN": ("cpm", "maskrcnn"),
    "Dice of Mask R-CNN, misses counted 0": ("dice", "maskrcnn"),
    "Dice of one reader against the others": ("dice", "reader"),
    "Dice of a sphere of the annotated diameter": ("dice", "sphere"),
    "AUC of the ResNet50 on candidates": ("auc", "resnet"),
    "Spearman of confidence and Dice": ("spearman_confidence_and_dice", "resnet"),
    "AUC of the ResNet50, benign or malignant": ("malignancy_auc", "resnet"),
    "AUC of the diameter alone": ("malignancy_auc", "diameter"),
    "ResNet50 minus diameter, paired": (
        "malignancy_auc_difference",
        "resnet_minus_diameter",
    ),
}
RATES = {f"{2.0**k:g}": label for k, label in zip(range(-3, 4), RATE_LABELS, strict=True)}
MEASURES = {
    "recall": "Nodules found",
    "false_alarms_per_scan": "False alarms a scan",
    "candidates_per_scan": "Candidates a scan",
}
POINTS = {
    "all": "all candidates",
    "best_8_per_scan": "the 8 surest of each scan",
    "at_most_8_false_alarms": "at most 8 false alarms a scan",
}
OVERLAPS = {
    "dice": "Dice",
    "iou": "IoU",
    "voxel_sensitivity": "Sensitivity by voxels",
    "surface_mm": "Surface distance (mm)",
}
SHORT = {
    "unet": "U-Net",
    "maskrcnn": "Mask R-CNN",
    "reader": "one reader",
    "sphere": "sphere",
    "resnet": "ResNet50",
}
TOUCHED = "detected only"
ANSWERS = {
    "auc": "AUC",
    "average_precision": "Average precision",
    "f1": "F1",
    "mcc": "Matthews correlation (MCC)",
    "precision": "Precision",
    "recall": "Recall",
    "sensitivity": "Sensitivity (the same as recall)",
    "specificity": "Specificity",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "ece": "ECE, as the network gives it",
    "ece_scaled": "ECE, after temperature scaling",
    "brier": "Brier score, as the network gives it",
    "brier_scaled": "Brier score, after temperature scaling",
}
KINDS = {
    "spearman_given_diameter": "Spearman, diameter held fixed",
    "spearman": "Spearman",
    "pearson": "Pearson",
    "auc": "AUC",
}
PAIRS = {
    "confidence_and_dice": "ResNet50's confidence and Dice",
    "probability_and_dice": "U-Net's own score and Dice",
    "certainty_and_right": "ResNet50's certainty and being right",
}
SERIES = {
    "resnet_loss": "ResNet50's loss (nat)",
    "unet_loss": "U-Net's loss (nat per pixel)",
    "confidence": "Confidence in a nodule",
    "certainty": "Confidence in the answer",
}
MAPS = {
    "share_inside": "Share of the map inside the nodule",
    "area_share": "Share of the crop's area inside",
    "excess": "Difference of the two",
    "share_inside_randomised": "Share inside, randomised weights",
    "learned": "Share inside, trained minus randomised",
    "rank_correlation": "Rank correlation of trained and randomised",
    "ssim": "Structural similarity (SSIM) of the two",
}
UNDEFINED = " (undefined: "


@dataclass
class MetricTable:
    """A table for a page, and the numbered notes that its marks [1], [2] ... refer to."""

    caption: str
    rows: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    folded: bool = False  # details that a reader opens

    @property
    def numbers(self) -> list[str]:
        """The columns that hold numbers."""
        return list(self.rows[0])[1:] if self.rows else []

    def mark(self, note: str) -> str:
        """The mark of a note, which is added if it is new."""
        if note not in self.notes:
            self.notes.append(note)
        return f" [{self.notes.index(note) + 1}]"

    def fill(
        self,
        cells: Iterable[Cell],
        counted: Literal["row", "column", "cell"],
        form: str = ".3f",
        scale: float = 1,
    ) -> "MetricTable":
        """Set the rows; n stands beside the name of the row or column, or in each cell.

        A cell whose n is not that of most in its row or column says its own.
        """
        cells = list(cells)
        axis = {"row": 0, "column": 1}.get(counted)
        sizes: dict[str, Counter[str]] = {}
        for name, column, row in cells if axis is not None else []:
            sizes.setdefault((name, column)[axis or 0], Counter())[_size(row)] += 1
        counts = {key: found.most_common(1)[0][0] for key, found in sizes.items()}
        head = {c: f"{c}\n{counts[c]}" if axis == 1 else c for _, c, _ in cells}
        filled: dict[str, dict[str, str]] = {}
        for name, column, row in cells:
            common = None if axis is None else counts[(name, column)[axis]]
            text = self._value(row, form, scale)
            if _size(row) != common:
                text += f", {_size(row)}"
            filled.setdefault(name, {})[head[column]] = text
        self.rows = [
            {"": f"{name}, {counts[name]}" if axis == 0 else name}
            | {c: row.get(c, "–") for c in head.values()}
            for name, row in filled.items()  # a pair of row and column that is not there: a dash
        ]
        return self

    def _value(self, row: Mapping[Any, Any], form: str, scale: float) -> str:
        if row["value"] != row["value"]:
            reason = row["definition"].partition(UNDEFINED)[2].removesuffix(")")
            return "–" + (self.mark(f"Undefined: {reason}") if reason else "")
        low, high = row["low"] * scale, row["high"] * scale
        return interval(row["value"] * scale, (low, high), form)


def glance(table: pd.DataFrame) -> MetricTable:
    """The few numbers of `GLANCE`, the pooled sets side by side."""
    rows = [
        (words, SETS[row["set"]], row)
        for words, (metric, system) in GLANCE.items()
        for row in records(lookup.rows(pooled(table), metric=metric, system=system))
    ]
    return MetricTable("").fill(rows, "cell")


def detection(table: pd.DataFrame) -> Iterator[MetricTable]:
    """Sensitivities of each system, operating points of each set, differences of CPM."""
    metric = table["metric"]
    curve = (metric == "cpm") | metric.str.startswith("sensitivity_at_")
    points = metric.str.match(f"({'|'.join(MEASURES)})_")
    for system, group in table[curve].groupby("system", sort=False):
        title = SYSTEMS.get(str(system), str(system))
        yield _by_set(group, f"{title}: sensitivity by false positives (FP) a scan", _rate)
    for name, group in table[points].groupby("set", sort=False):
        result = MetricTable(f"Operating points, {SETS[str(name)]}")
        yield result.fill(_point_cells(group, result), "column", ".2f")
    yield from _rest(table[~curve & ~points], "Differences between systems")


def segmentation(table: pd.DataFrame) -> Iterator[MetricTable]:
    """All measures over all nodules, Dice by diameter class, the rest folded away."""
    parts = table["metric"].str.extract(rf"^({'|'.join(OVERLAPS)})(?: (.+))?$")
    known = table.assign(measure=parts[0], group=parts[1].fillna(""))[parts[0].notna()]
    of_all = known["group"].isin(["", TOUCHED])
    for name, group in known[of_all].groupby("set", sort=False):
        result = MetricTable(f"All nodules, {SETS[str(name)]}")
        yield result.fill(_overlap_cells(group, result), "column")
    yield from _rest(table[parts[0].isna()], "Differences, paired by nodule")
    for measure, title in OVERLAPS.items():
        classes = known[~of_all & (known["measure"] == measure)]
        for name, group in classes.groupby("set", sort=False):
            caption = f"{title} by diameter, {SETS[str(name)]}"
            result = MetricTable(caption, folded=measure != "dice")
            yield result.fill(_class_cells(group), "row")


def classification(table: pd.DataFrame) -> Iterator[MetricTable]:
    """ResNet50's scores, the pooled sets side by side."""
    yield from _rest(table, "ResNet50 on the U-Net's candidates")


def proxy(table: pd.DataFrame) -> Iterator[MetricTable]:
    """Correlations of confidence with quality, and slopes over the slices."""
    slopes = table["metric"].isin(["slope", "slope_scans"])
    for unit, group in table[~slopes].groupby("unit", sort=False):
        yield from _rest(group, f"What confidence tells of {unit}")
    if slopes.any():
        caption = "Change per 1,000 slices: the least-squares slopes times 1,000"
        result = MetricTable(caption)
        cells = [
            (_name(row) + result.mark(_meaning(row)), SETS[row["set"]], row)
            for row in records(table[slopes])
        ]
        yield result.fill(cells, "cell", ".2g", 1000)


def explanations(table: pd.DataFrame) -> MetricTable:
    """What the maps of a nodule amount to, the methods side by side."""
    result = MetricTable("Maps of labelled nodules")
    cells = [
        (
            MAPS[row["metric"].removeprefix("explanation_")] + result.mark(_meaning(row)),
            METHODS[row["system"]],
            row,
        )
        for row in records(table)
    ]
    return result.fill(cells, "column")


def by_fold(table: pd.DataFrame) -> MetricTable:
    """CPM of each fold's left-out scans, the systems side by side."""
    folds = table[(table["metric"] == "cpm") & table["set"].str.startswith("fold_")]
    cells = [
        (
            row["set"].replace("_", " "),
            SYSTEMS.get(row["system"], row["system"]),
            row,
        )
        for row in records(folds)
    ]
    return MetricTable("").fill(cells, "row")


def pooled(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the pooled sets, in the order in which they are shown."""
    parts = [lookup.rows(table, set=name) for name in SETS]
    return pd.concat(parts)


def records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """The rows as mappings."""
    return table.to_dict("records")


def _by_set(
    table: pd.DataFrame, caption: str, name: Callable[[Mapping[Any, Any]], str]
) -> MetricTable:
    cells = [(name(row), SETS[row["set"]], row) for row in records(table)]
    return MetricTable(caption).fill(cells, "column")


def _rest(table: pd.DataFrame, caption: str) -> Iterator[MetricTable]:
    """Numbers one a row, each with its definition as a note."""
    if len(table):
        result = MetricTable(caption)
        cells = [
            (_name(row) + result.mark(_meaning(row)), SETS[row["set"]], row)
            for row in records(table)
        ]
        yield result.fill(cells, "column")


def _point_cells(group: pd.DataFrame, result: MetricTable) -> Iterator[Cell]:
    for row in records(group):
        found = re.match(f"({'|'.join(MEASURES)})_(.+)", row["metric"])
        assert found, "the caller has chosen operating points"
        measure, point = found.groups()
        what, _, where = _meaning(row).partition("; ")
        system = SYSTEMS.get(row["system"], row["system"])
        name = f"{system}, {POINTS.get(point, _words(point))}"
        yield name + result.mark(where), MEASURES[measure] + result.mark(what), row


def _overlap_cells(group: pd.DataFrame, result: MetricTable) -> Iterator[Cell]:
    for row in records(group):
        what, _, against = _meaning(row).partition(": ")
        of = SHORT.get(row["system"], _words(row["system"]))
        if row["group"] == TOUCHED:
            of += ", nodules touched"
        yield OVERLAPS[row["measure"]] + result.mark(what), of + result.mark(against), row


def _class_cells(group: pd.DataFrame) -> Iterator[Cell]:
    bounds = group["group"].str.extract(r"(\d+)")[0].astype(float)
    below = group["group"].str.startswith("<")
    for row in records(group.assign(order=bounds - below).sort_values("order", kind="stable")):
        of = SHORT.get(row["system"], _words(row["system"]))
        yield row["group"].replace(">=", "≥ ").replace("<", "< ").replace("-", "–"), of, row


def _rate(row: Mapping[Any, Any]) -> str:
    rate = row["metric"].removeprefix("sensitivity_at_")
    if row["metric"] == "cpm":
        return "CPM: mean of the seven"
    return f"Sensitivity at {RATES.get(rate, rate)} FP a scan"


def _name(row: Mapping[Any, Any]) -> str:
    metric, system = str(row["metric"]), str(row["system"])
    if metric in ("slope", "slope_scans"):
        return SERIES.get(system, _words(system))
    if metric.endswith("_difference"):
        first, _, second = system.partition("_minus_")
        names = SYSTEMS if metric == "cpm_difference" else SHORT
        what = "CPM" if metric == "cpm_difference" else _words(metric.removesuffix("_difference"))
        return f"{what}: {names.get(first, first)} minus {names.get(second, second)}"
    for kind, words in KINDS.items():
        pair = PAIRS.get(metric.removeprefix(f"{kind}_"))
        if metric.startswith(f"{kind}_") and pair:
            return f"{words}: {pair}"
    return ANSWERS.get(metric, f"{_words(metric)} ({SHORT.get(system, system)})")


def _meaning(row: Mapping[Any, Any]) -> str:
    return str(row["definition"]).partition(UNDEFINED)[0]


def _size(row: Mapping[Any, Any]) -> str:
    unit = str(row["unit"])
    return f"n = {row['n']:,} {unit.removesuffix('s') if row['n'] == 1 else unit}"


def _words(name: str) -> str:
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]
