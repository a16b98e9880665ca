"""The first page of a run: what was run, its main results, and links to everything else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from nodules.base.configuration_dataset import PHANTOMS
from nodules.evaluation import names
from nodules.evaluation.metrics import MALIGNANCY as MALIGNANT
from nodules.evaluation.metrics import MEASURES, RATE_POINTS
from nodules.evaluation.names import MALIGNANCY, MASKS, RESNET, SETS, SYSTEMS
from nodules.evaluation.runs import (
    SMALL,
    first_detector,
    headline,
    is_small,
    labelled,
    outlining,
)
from nodules.evaluation.statements import detection as second_stage
from nodules.evaluation.statements import words
from nodules.report import catalogue, lookup
from nodules.report.pages import style
from nodules.report.pages.files import Files
from nodules.report.pages.markup import Markup, join, tag
from nodules.report.pages.page import head
from nodules.report.pages.references import SOURCES
from nodules.stats.bootstrap import RULE

TITLE = "Lung nodules in chest CT: results of this run"
PHANTOM = (
    "Phantom scans: these numbers show that the workflow works, and say nothing about patients."
)
CPM = (
    "CPM: the share of the nodules found, averaged over 1/8, 1/4, 1/2, 1, 2, 4 and 8 false"
    " positives per scan (LUNA16's score)"
)
MOST = 5  # numbers
FEW_LOGS = 12  # of a step; more are folded
CHOSEN_ON = 2016  # seed of the phantom on whose results the default settings were chosen
ONE = "1"  # false positive per scan: the operating point of the verdict
STRIPS = {
    "hits": "Hits: nodules that were found",
    "misses": "Misses: nodules that no candidate hits",
    "false_alarms": "False alarms, most confident first",
}
CONTOURS = (
    "Outlines: solid blue, the readers' consensus; thin white, single readers; dashed, the"
    " network's candidate; dotted, its other candidates. Bars: 10 mm."
)


@dataclass(frozen=True)
class Run:
    """What the page reports on a run.

    metrics, folds: tables of these names. detection: detection.json. config: of the run. commit:
    of the code. files: all that the page links to. left_out: names of stages left out.
    """

    metrics: pd.DataFrame
    detection: Mapping[str, Any]
    config: Mapping[str, Any]
    folds: pd.DataFrame
    commit: str
    files: Files
    left_out: Sequence[str] = ()

    @property
    def system(self) -> str:
        """Key of the system that the verdict is about."""
        return headline(self.detection["systems"])

    @property
    def set(self) -> str:
        """Key of the main set of scans."""
        return lookup.main_set(self.metrics)


@dataclass(frozen=True)
class Number:
    """One of the first page's numbers: what it is, and its place in table `metrics`."""

    what: str
    explained: str
    place: dict[str, str]
    section: str  # heading of its table on the page of numbers

    def row(self, metrics: pd.DataFrame, name: str) -> Mapping[Any, Any] | None:
        """Its row of `metrics` for a set of scans, or None."""
        nothing = {"point": "", "group": "", "other": ""}
        found = lookup.rows(metrics, **(nothing | self.place), set=name)
        return found.to_dict("records")[0] if len(found) else None


def html(run: Run) -> str:
    """The page as one HTML document, which links to its pictures."""
    parts = (_header(run), _main(run), tag("footer", _footer(run)))
    body = tag("body", tag("a", "Skip to the results", class_="skip", href="#results"), *parts)
    return f"{head(TITLE, style.BASE + style.FIRST)}{body}\n</html>\n"


def numbers(run: Run) -> list[Number]:
    """The first MOST numbers that the run has."""
    return [n for n in _wanted(run) if n.row(run.metrics, run.set) is not None][:MOST]


def verdict(run: Run) -> list[str]:
    """The run's answer in two sentences."""
    found = run.detection["systems"][run.system].get(run.set)
    if not found or found["cpm"] is None:
        return ["There is no reference nodule in the scored scans.", ""]
    at_one = found["sensitivity"][ONE]
    bounds = found["cpm_ci"]
    interval = "no interval" if bounds[0] is None else "95 % CI {:.3f} to {:.3f}".format(*bounds)
    n_scans, n_nodules = (words.counted(found[f"n_{unit}s"], unit) for unit in ("scan", "nodule"))
    first = (
        f"In {SETS[run.set].name} on {n_scans} with {n_nodules},"
        f" {SYSTEMS[run.system].said} finds {100 * at_one:.1f}\N{NO-BREAK SPACE}% of the nodules"
        f" at one false positive per scan (CPM {found['cpm']:.3f}, {interval})."
    )
    stages = second_stage.shown(run.detection)
    second = second_stage.conclusion(run.detection, stages[-1]) if stages else ""
    return [first, second]


def _wanted(run: Run) -> Iterator[Number]:
    system, detector = run.system, first_detector(run.detection["systems"])
    name = SYSTEMS[system].name
    yield Number(f"CPM of {name}", CPM, {"measure": "cpm", "system": system}, "detection")
    yield Number(
        "Nodules found at one false positive per scan",
        f"Sensitivity of {SYSTEMS[system].said} {RATE_POINTS[ONE].definition}",
        {"measure": "sensitivity", "point": ONE, "system": system},
        "detection",
    )
    for pair in reversed(second_stage.shown(run.detection)):
        yield Number(
            "What the second stage adds to the CPM",
            f"{SYSTEMS[pair.first].name} minus {SYSTEMS[pair.second].name}, paired by scan",
            {"measure": "cpm", "system": pair.first, "other": pair.second},
            "detection",
        )
        break
    yield Number(
        "Overlap with the readers' outlines (Dice)",
        f"{MASKS[outlining(system)].name}, mean over nodules; a missed nodule counts as 0",
        {"measure": "dice", "system": outlining(system)},
        "segmentation",
    )
    ruler = MALIGNANCY["diameter"]
    for judge in (system for system in MALIGNANCY.values() if system.networks):
        yield Number(
            f"Benign or malignant: {judge.name} minus {ruler.short}, AUC",
            "Difference in area under the ROC curve, paired on the same nodules; above 0 the"
            " network sees more than size",
            {"measure": "malignancy_auc", "system": judge.key, "other": "diameter"},
            "",
        )
    yield Number(
        f"Nodule or not: AUC of the {RESNET}",
        "Area under the ROC curve over the first detector's candidates",
        {"measure": "presence_auc", "system": "presence"},
        "classification",
    )
    for key in ("recall", "false_alarms_per_scan", "candidates_per_scan"):
        place = {"measure": key, "point": "all", "system": detector}
        yield Number(MEASURES[key].words, MEASURES[key].definition, place, "detection")


def _header(run: Run) -> Markup:
    said = [tag("h1", TITLE)]
    if run.config["data"]["source"] in PHANTOMS:
        said.append(tag("p", tag("strong", PHANTOM, class_="badge")))
    return tag("header", *said)


def _main(run: Run) -> Markup:
    shown = [
        tag("p", " ".join(verdict(run)).strip(), class_="verdict", id="verdict"),
        tag("ul", *(_card(run, number) for number in numbers(run)), class_="numbers"),
        tag("p", _reading(), class_="note"),
        tag("div", _froc(run), _about(run), class_="beside"),
        tag("h2", f"Hits, misses and false alarms of the {_pictured(run)}", id="pictures"),
        tag("div", *(_strip(run, kind) for kind in STRIPS), class_="strips"),
        tag("p", CONTOURS, class_="note"),
        *_lists(run),
    ]
    return tag("main", *shown, id="results")


def _card(run: Run, number: Number) -> Markup:
    """A card with a number, its interval and n, and below in small print those of the test set."""
    row = number.row(run.metrics, run.set)
    assert row is not None
    value, interval = spelled(row)
    page = "malignancy" if MEASURES[row["measure"]].section == MALIGNANT else "metrics"
    link = f"report/{page}.html" + (f"#{number.section}" if number.section else "")
    beside = (number.row(run.metrics, name) for name in SETS if name != run.set)
    return tag(
        "li",
        tag("p", tag("a", number.what, href=link), class_="what"),
        tag("strong", value),
        tag("p", f"{interval}, ", tag("span", counted(row), class_="whole")),
        tag("p", number.explained, class_="note"),
        *(tag("p", _aside(other), class_="note") for other in beside if other is not None),
        class_="number-card",
    )


def _aside(row: Mapping[Any, Any]) -> str:
    """A number on the set that is not the main one, in short."""
    value, interval = spelled(row)
    shown = interval if row["low"] == row["low"] else "(–)"
    return f"{SETS[row['set']].name}: {value} {shown}, {counted(row)}"


def spelled(row: Mapping[Any, Any]) -> tuple[str, str]:
    """A number of table `metrics` as text, and its interval or the reason why it has none."""
    form = MEASURES[row["measure"]].form
    form = f"+{form}" if row["other"] else form
    value, low, high = row["value"], row["low"], row["high"]
    if value != value:
        return "–", f"undefined: {row['reason']}"
    if low != low:
        return f"{value:{form}}", f"no interval: {row['reason']}"
    return f"{value:{form}}", f"(95 % CI {low:{form}} to {high:{form}})"


def counted(row: Mapping[Any, Any]) -> str:
    """The n of a number, with its unit."""
    return lookup.counted(row["n"], row["unit"])


def _reading() -> str:
    return (
        "95 % bootstrap confidence intervals (whole scans or patients resampled); none where there"
        f" are {RULE}. {lookup.sentence(SETS[names.OUT_OF_FOLD].name)}: each scan is scored by a"
        " network that has not seen it."
    )


def _froc(run: Run) -> Markup:
    picture = tag("img", src="figures/froc.svg", alt=_froc_words(run), width="660", height="520")
    caption = join(
        "FROC: share of the nodules found against false positives per scan, ",
        f"{SETS[run.set].name}; shaded: 95 % bands. ",
        tag("a", "Caption", href="figures/froc.md"),
        ".",
    )
    return tag("figure", tag("a", picture, href="figures/froc.svg"), tag("figcaption", caption))


def _froc_words(run: Run) -> str:
    each = [
        f"{SYSTEMS[key].name}: {sets[run.set]['sensitivity'][ONE]:.3f} at one false positive"
        f" per scan, CPM {sets[run.set]['cpm']:.3f}"
        for key, sets in run.detection["systems"].items()
        if run.set in sets and sets[run.set]["cpm"] is not None
    ]
    small = is_small(run.config["maskrcnn"])
    return labelled(f"FROC curves in {SETS[run.set].name}. {'; '.join(each)}.", small)


def _about(run: Run) -> Markup:
    rows = [pair for key, text in _facts(run) for pair in (tag("dt", key), tag("dd", text))]
    return tag("section", tag("h2", "What was run", id="run"), tag("dl", *rows))


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    config, fold = run.config, run.folds["fold"]
    tested = int((fold == -1).sum())
    kind = "built-in phantom scans" if config["data"]["source"] in PHANTOMS else "LUNA16 scans"
    n_nodules = int(run.folds.loc[fold >= -1, "n_nodules"].sum())
    yield "Data", f"{int((fold >= -1).sum()):,} {kind}, {n_nodules:,} nodules"
    division = f"{SETS[names.OUT_OF_FOLD].name} in {fold[fold >= 0].nunique()} folds"
    plural = "" if tested == 1 else "s"
    yield "Split", division + (f"; {tested:,} test scan{plural}" if tested else "")
    yield "Detectors", ", ".join(names.NETWORKS[key].name for key in config["detectors"])
    tasks = {"presence": "nodule or not", "malignancy": "benign or malignant"}
    if config["malignancy"]["network"] != "resnet":
        tasks["malignancy"] += f" (a {names.REDUCTION})"
    if config["tasks"]:
        yield f"{RESNET} tasks", ", ".join(tasks[task] for task in config["tasks"])
    if config["maskrcnn"]["enabled"]:
        own = config["maskrcnn"]
        epochs = f"{own['epochs']} epoch{'' if own['epochs'] == 1 else 's'}"
        small = f": a {SMALL}, not a measure of the method" if is_small(own) else ""
        yield "For comparison", f"{names.MASKRCNN}, {own['backbone']}, {epochs}{small}"
    if run.left_out:
        yield "Left out", ", ".join(run.left_out) + "; report/run.html says why"
    yield "Settings", _chosen(config)
    yield "Seed", str(config["seed"])
    yield "Code", run.commit
    yield "Intervals", f"{config['scoring']['bootstrap']:,} resamples"


def _chosen(config: Mapping[str, Any]) -> str:
    """On which data the settings were chosen, and so how far the numbers can be trusted."""
    if config["data"]["source"] != "phantom":
        return "as in the config; this workflow tunes none on these scans"
    if config["seed"] == CHOSEN_ON:
        return (
            f"the defaults were chosen by looking at results of this seed ({CHOSEN_ON}), so these"
            " numbers are optimistically biased; benchmarks/fresh_seeds.py runs other seeds"
        )
    return f"the defaults were chosen by looking at results of another seed ({CHOSEN_ON})"


def _in_3d(run: Run) -> bool:
    """Whether the 3-D detector's pictures are shown: the verdict is on it, and they exist."""
    return outlining(run.system) == "reduction" and "gallery/hits_3d.png" in run.files.pages


def _pictured(run: Run) -> str:
    """Name of the system that the pictures show."""
    first = next(iter(run.detection["systems"]))
    follows = _in_3d(run) or outlining(run.system) == outlining(first)
    return SYSTEMS[run.system if follows else first].name


def _strip(run: Run, kind: str) -> Markup:
    words, shown = STRIPS[kind], f"{kind}_3d.png" if _in_3d(run) else f"{kind}.png"
    alt = f"{words}, axial CT"
    picture = tag("img", src=f"gallery/strip_{shown}", width="900", height="300", alt=alt)
    link = tag("a", picture, href=f"gallery/{shown}")
    return tag("figure", link, tag("figcaption", f"{words}. Click for more, in three planes."))


def _lists(run: Run) -> Iterator[Markup]:
    """Links to everything: figures, pages, pictures, tables, logs."""
    files = run.files
    yield tag("h2", "All figures", id="figures")
    yield tag("ul", *(_figure(files, name) for name in files.figures), class_="columns")
    yield tag("h2", "All pages and pictures", id="pages")
    yield tag("ul", *(tag("li", _link(path, words)) for path, words in files.pages.items()))
    yield tag("h2", "All tables", id="tables")
    yield tag("p", "Columns, units and meanings are stored in each Parquet file.", class_="note")
    tables = [tag("li", _link(path, path)) for path in files.tables]
    yield _folded(f"{len(tables):,} tables", tag("ul", *tables, class_="columns"))
    yield tag("h2", "All logs", id="logs")
    steps = [tag("li", step, ":", _logs(logs)) for step, logs in files.logs.items()]
    count = sum(map(len, files.logs.values()))
    yield _folded(f"{count:,} logs of {len(steps):,} steps", tag("ul", *steps, class_="columns"))


def _logs(logs: list[str]) -> Markup:
    """Links to a step's logs, folded if they are many, such as those of 888 scans."""
    links = join(*(join(" ", _link(path, PurePosixPath(path).stem)) for path in logs))
    return links if len(logs) <= FEW_LOGS else _folded(f"{len(logs):,}", links)


def _figure(files: Files, name: str) -> Markup:
    forms = [join(" ", _link(path, PurePosixPath(path).suffix[1:])) for path in files.figures[name]]
    return tag("li", catalogue.TITLES[name], ":", *forms)


def _link(path: str, words: str) -> Markup:
    return tag("a", words, href=path)


def _folded(summary: str, inside: Markup) -> Markup:
    return tag("details", tag("summary", summary), inside, class_="screen")


def _footer(run: Run) -> Markup:
    sources = tag("ul", *(tag("li", source.html()) for source in SOURCES))
    return join(tag("h2", "Sources", id="sources"), sources)
