"""Table `metrics` laid out for people: words for keys, related numbers in small tables."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import pandas as pd

from nodules.evaluation import metrics, names
from nodules.evaluation.detection import BEST, PER_SCAN
from nodules.evaluation.explanations import METHODS
from nodules.evaluation.metrics import DETECTED_ONLY, MARK_POINTS, MEASURES, POINTS
from nodules.evaluation.names import MALIGNANCY, MASKS, REDUCERS, RESNET, SETS, SYSTEMS
from nodules.evaluation.runs import first_detector, following
from nodules.findings.size import CLASSES
from nodules.report import lookup
from nodules.report.lookup import interval

Row = Mapping[Any, Any]  # of `metrics`
Cell = tuple[str, str, Row]  # name of its row, name of its column, and the number

FIRST = "first detector"  # in place of a system's key
_MISSES = ", misses count as 0"
# The main numbers: words ({}: the first detector), and where the number is in table `metrics`.
GLANCE: dict[str, dict[str, str]] = {
    f"Nodules found by {{}}, best {PER_SCAN} candidates per scan": {
        "measure": "recall",
        "point": BEST,
        "system": FIRST,
    },
    "False positives per scan of {}, all candidates": {
        "measure": "false_alarms_per_scan",
        "point": "all",
        "system": FIRST,
    },
    **{
        f"CPM of {system.said}": {"measure": "cpm", "system": system.key}
        for system in SYSTEMS.values()
    },
    **{
        f"Dice of {mask.said}{_MISSES if mask.regions else ''}": {
            "measure": "dice",
            "system": mask.key,
        }
        for mask in MASKS.values()
    },
    f"AUC of the {RESNET} on candidates": {"measure": "presence_auc", "system": "presence"},
    "Spearman of confidence and Dice": {
        "measure": "spearman_confidence_and_dice",
        "system": "presence",
    },
    f"AUC of the {RESNET}, benign or malignant": {"measure": "malignancy_auc", "system": "resnet"},
    f"AUC of {MALIGNANCY['cubes'].said}, benign or malignant": {
        "measure": "malignancy_auc",
        "system": "cubes",
    },
    f"AUC of {MALIGNANCY['diameter'].said}": {"measure": "malignancy_auc", "system": "diameter"},
    f"{RESNET} minus {MALIGNANCY['diameter'].short}, paired": {
        "measure": "malignancy_auc",
        "system": "resnet",
        "other": "diameter",
    },
    f"{MALIGNANCY['cubes'].name} minus {MALIGNANCY['diameter'].short}, paired": {
        "measure": "malignancy_auc",
        "system": "cubes",
        "other": "diameter",
    },
}


@dataclass
class MetricTable:
    """A table for a page, and the numbered notes that its marks [1], [2] ... refer to."""

    caption: str
    rows: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    folded: bool = False  # shown only once the reader opens it

    def following(self, detector: str) -> "MetricTable":
        """This table with the name of the run's first detector in place of the U-Net's."""
        told = partial(following, detector=detector)
        rows = [row | {"": told(row[""])} for row in self.rows]
        return MetricTable(told(self.caption), rows, [*map(told, self.notes)], self.folded)

    @property
    def numbers(self) -> list[str]:
        """The columns that hold numbers."""
        return list(self.rows[0])[1:] if self.rows else []

    @property
    def soft(self) -> list[str]:
        """The columns of the test set, greyed beside cross-validation."""
        test = SETS[names.TEST].name
        return [c for c in self.numbers if c.splitlines()[0] == test]

    def mark(self, note: str) -> str:
        """The mark that refers to a note; adds the note if it is new."""
        if note not in self.notes:
            self.notes.append(note)
        return f" [{self.notes.index(note) + 1}]"

    def fill(
        self,
        cells: Iterable[Cell],
        counted: Literal["row", "column", "cell"],
    ) -> "MetricTable":
        """Set the rows, with n beside the name of each row or column, or in each cell.

        A row's or column's n is that of most of its cells; a cell with another n states its own.
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
            text = self._value(row)
            if _size(row) != common:
                text += f", {_size(row)}"
            filled.setdefault(name, {})[head[column]] = text
        self.rows = [
            {"": f"{name}, {counts[name]}" if axis == 0 else name}
            | {c: row.get(c, "–") for c in head.values()}
            for name, row in filled.items()  # a dash where a row has no cell in a column
        ]
        return self

    def _value(self, row: Row) -> str:
        if row["value"] != row["value"]:
            return "–" + (self.mark(f"Undefined: {row['reason']}") if row["reason"] else "")
        measure = MEASURES[row["measure"]]
        value, low, high = (row[key] * measure.scale for key in ("value", "low", "high"))
        text = interval(value, (low, high), measure.form)
        return text + (self.mark(f"No interval: {row['reason']}") if row["reason"] else "")


def glance(table: pd.DataFrame) -> MetricTable:
    """The numbers of `GLANCE`, the pooled sets side by side."""
    nothing = {"point": "", "group": "", "other": ""}
    shown, known = pooled(table), {FIRST: detector_of(table)}
    rows = [
        (_of_system(words, row["system"]), SETS[row["set"]].name, row)
        for words, place in GLANCE.items()
        for row in records(
            lookup.rows(
                shown, **(nothing | place | {"system": known.get(place["system"], place["system"])})
            )
        )
    ]
    return MetricTable("").fill(rows, "cell")


def _of_system(words: str, key: str) -> str:
    """Words of `GLANCE`, with {} replaced by the system's name."""
    return words.format(SYSTEMS[key].said) if "{}" in words else words


def detector_of(table: pd.DataFrame) -> str:
    """Key of the run's first detector; "" if the table has no detection scores."""
    return first_detector(lookup.rows(table, measure="cpm")["system"])


def detection(table: pd.DataFrame) -> Iterator[MetricTable]:
    """Sensitivities of each system, operating points of each set, differences of CPM."""
    paired, points = table["other"] != "", table["point"].isin(MARK_POINTS)
    for system, group in table[~paired & ~points].groupby("system", sort=False):
        caption = f"{SYSTEMS[str(system)].name}: sensitivity by false positives (FP) per scan"
        cells = [(_rate(row), SETS[row["set"]].name, row) for row in records(group)]
        yield MetricTable(caption).fill(cells, "column")
    for name, group in table[points].groupby("set", sort=False):
        result = MetricTable(f"Operating points, {SETS[str(name)].name}")
        yield result.fill(_point_cells(group, result), "column")
    gaps = table[paired]
    yield from _listed(gaps, "Differences between systems", lambda row: _gap(row, _system))


def segmentation(table: pd.DataFrame) -> Iterator[MetricTable]:
    """All measures over all nodules, then each by diameter class, all but Dice folded away."""
    paired, of_class = table["other"] != "", table["group"].isin(CLASSES)
    for name, group in table[~paired & ~of_class].groupby("set", sort=False):
        result = MetricTable(f"All nodules, {SETS[str(name)].name}")
        yield result.fill(_overlap_cells(group, result), "row")
    gaps = table[paired]
    yield from _listed(gaps, "Differences, paired by nodule", lambda row: _gap(row, _mask))
    for measure in metrics.of_section(metrics.SEGMENTATION):
        classes = lookup.rows(table[of_class], measure=measure.key)
        for name, group in classes.groupby("set", sort=False):
            caption = f"{measure.words} by diameter, {SETS[str(name)].name}"
            result = MetricTable(caption, folded=measure.key != "dice")
            yield result.fill(_class_cells(group), "row")


def presence(table: pd.DataFrame) -> Iterator[MetricTable]:
    """The presence network's scores, the pooled sets side by side."""
    yield from _listed(table, f"{RESNET} on the {names.UNET}'s candidates", _words)


def calibration(table: pd.DataFrame) -> Iterator[MetricTable]:
    """All candidates, the systems side by side; then by size, the scaled gaps first."""
    of_class = table["group"].isin(CLASSES)
    for name, group in table[~of_class].groupby("set", sort=False):
        result = MetricTable(f"All candidates, {SETS[str(name)].name}")
        cells = [
            (_words(row) + result.mark(row["definition"]), _short(row["system"]), row)
            for row in records(group)
        ]
        yield result.fill(cells, "column")
    for key in ("gap_scaled", "gap", "ece_scaled", "ece"):
        classes = lookup.rows(table[of_class], measure=f"calibration_{key}")
        for name, group in classes.groupby("set", sort=False):
            words = MEASURES[f"calibration_{key}"].words
            caption = f"{words}, by the candidate's diameter, {SETS[str(name)].name}"
            result = MetricTable(caption, folded=key != "gap_scaled")
            yield result.fill(_class_cells(group, _short), "cell")


def proxy(table: pd.DataFrame) -> Iterator[MetricTable]:
    """Correlations of confidence with quality, over nodules and over candidates."""
    for unit, group in table.groupby("unit", sort=False):
        yield from _listed(group, f"What confidence says about {unit}", _words)


def slopes(table: pd.DataFrame) -> Iterator[MetricTable]:
    """Slopes of losses and confidences over the slices."""
    caption = "Change per 1,000 slices: the least-squares slopes times 1,000"
    yield from _listed(table, caption, lambda row: metrics.SERIES[row["group"]].words, "cell")


def explanations(table: pd.DataFrame) -> Iterator[MetricTable]:
    """Measures of the nodules' attribution maps, the methods side by side."""
    result = MetricTable("Maps of labelled nodules")
    cells = [
        (_words(row) + result.mark(row["definition"]), METHODS[row["system"]], row)
        for row in records(table)
    ]
    yield result.fill(cells, "column")


def locations(table: pd.DataFrame) -> Iterator[MetricTable]:
    """Sensitivities of each classifier of given locations, and the limits of their list."""
    judged = table["system"].isin(REDUCERS)
    for system, group in table[judged].groupby("system", sort=False):
        caption = f"{REDUCERS[str(system)].name}: sensitivity by false positives (FP) per scan"
        cells = [(_rate(row), SETS[row["set"]].name, row) for row in records(group)]
        yield MetricTable(caption).fill(cells, "column")
    yield from _listed(table[~judged], "The list of locations, whatever judges them", _words)


def by_fold(table: pd.DataFrame) -> MetricTable:
    """CPM of each fold's left-out scans, the systems side by side."""
    folds = lookup.rows(table[~table["set"].isin(SETS)], measure="cpm", other="")
    cells = [(names.part_name(row["set"]), _system(row["system"]), row) for row in records(folds)]
    return MetricTable("").fill(cells, "row")


def of_section(table: pd.DataFrame, section: str) -> pd.DataFrame:
    """The rows of a section's measures."""
    return table[table["measure"].isin([m.key for m in metrics.of_section(section)])]


def pooled(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the pooled sets, in the order in which they are shown."""
    parts = [lookup.rows(table, set=name) for name in SETS]
    return pd.concat(parts)


def records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """The rows as dictionaries."""
    return table.to_dict("records")


def _listed(
    table: pd.DataFrame,
    caption: str,
    name: Callable[[Row], str],
    counted: Literal["column", "cell"] = "column",
) -> Iterator[MetricTable]:
    """A table, unless empty: a number per row, its definition as a note, sets side by side."""
    if len(table):
        result = MetricTable(caption)
        cells = [
            (name(row) + result.mark(row["definition"]), SETS[row["set"]].name, row)
            for row in records(table)
        ]
        yield result.fill(cells, counted)


def _mark_heads(group: pd.DataFrame, result: MetricTable) -> None:
    """Number the measures' notes first, since people read the header before the rows."""
    for key in group["measure"]:
        result.mark(MEASURES[key].definition)


def _point_cells(group: pd.DataFrame, result: MetricTable) -> Iterator[Cell]:
    _mark_heads(group, result)
    for row in records(group):
        measure, point = MEASURES[row["measure"]], POINTS[row["point"]]
        name = f"{_system(row['system'])}, {point.words}" + result.mark(point.definition)
        yield name, measure.words + result.mark(measure.definition), row


def _overlap_cells(group: pd.DataFrame, result: MetricTable) -> Iterator[Cell]:
    _mark_heads(group, result)
    for row in records(group):
        measure = MEASURES[row["measure"]]
        of = _mask(row["system"])
        if row["group"] == DETECTED_ONLY:
            of += ", nodules touched"
        against = metrics.held_against(row["system"], row["group"])
        yield of + result.mark(against), measure.words + result.mark(measure.definition), row


def _class_cells(group: pd.DataFrame, name: Callable[[str], str] | None = None) -> Iterator[Cell]:
    place = group["group"].map(CLASSES.index)
    for row in records(group.assign(place=place).sort_values("place", kind="stable")):
        yield lookup.class_name(row["group"]), (name or _mask)(row["system"]), row


def _rate(row: Row) -> str:
    words = MEASURES[row["measure"]].words
    return (
        f"{words} at {POINTS[row['point']].words}"
        if row["point"]
        else f"{words}: mean of the seven"
    )


def _gap(row: Row, name: Callable[[str], str]) -> str:
    return f"{_words(row)}: {name(row['system'])} minus {name(row['other'])}"


def _words(row: Row) -> str:
    return MEASURES[row["measure"]].words


def _system(key: str) -> str:
    return SYSTEMS[key].name


def _short(key: str) -> str:
    return SYSTEMS[key].short


def _mask(key: str) -> str:
    return MASKS[key].short


def _size(row: Row) -> str:
    unit = str(row["unit"])
    return f"n = {row['n']:,} {unit.removesuffix('s') if row['n'] == 1 else unit}"
