"""The files of a run that the first page links to, by kind."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

PAGES = {
    "report.html": "Snakemake's report: every result with its provenance, in one file",
    "report/metrics.html": "Every number, with interval, n and definition",
    "report/malignancy.html": "Benign or malignant",
    "report/follow_up.html": "Follow-up: the same patient twice",
    "report/scans.html": "Scans used and skipped",
    "report/run.html": "Config and versions",
    "report/costs.html": "Time and memory of each step",
    "gallery/hits.png": "Gallery: hits",
    "gallery/misses.png": "Gallery: misses",
    "gallery/false_alarms.png": "Gallery: false alarms",
    "gallery/explanations.png": "Gallery: attribution maps and sanity check",
    "gallery/gates.png": "Gallery: what attention gates let through",
    "gallery/hits_3d.png": "Gallery: hits of the 3-D detector",
    "gallery/misses_3d.png": "Gallery: misses of the 3-D detector",
    "gallery/false_alarms_3d.png": "Gallery: false alarms of the 3-D detector",
    "predicted/report.html": "What luna16 predict finds in one phantom scan",
    "predicted/reader.html": "The same findings in the browser, for a second reader",
    "config.yaml": "The run's config, with all keys filled in",
}
TABLES = ("evaluation", "scans", "folds", "malignancy", "submissions")
TABLE_FORMS = (".parquet", ".json", ".csv")
ENDS = ("svg", "pdf", "png", "md")  # of a figure


@dataclass(frozen=True)
class Files:
    """Paths relative to the results folder, with "/" between folders.

    figures: by figure; pages: with a description of each; logs: by rule. Sizes and times are left
    out, so that the same run gives the same page.
    """

    figures: Mapping[str, list[str]]
    pages: Mapping[str, str]
    tables: list[str]
    logs: Mapping[str, list[str]]


def find(results: Path, figures: Iterable[str], made: Collection[str], but: str) -> Files:
    """The files that exist below the results folder.

    figures: their names. made: paths below the folder of this run's pages and pictures, since an
    earlier run may have left others. but: rule whose logs are left out.
    """

    def below(folder: str, forms: tuple[str, ...]) -> list[Path]:
        paths = sorted((results / folder).rglob("*"))
        return [path for path in paths if path.suffix in forms and path.is_file()]

    def relative(path: Path) -> str:
        return path.relative_to(results).as_posix()

    forms = {name: [f"figures/{name}.{end}" for end in ENDS] for name in figures}
    logs = [relative(path) for path in below("logs", (".log",))]
    by_rule = groupby((p for p in logs if _rule(p) != but), _rule)
    return Files(
        figures={n: [p for p in own if (results / p).is_file()] for n, own in forms.items()},
        pages={p: words for p, words in PAGES.items() if p in made and (results / p).is_file()},
        tables=[relative(path) for folder in TABLES for path in below(folder, TABLE_FORMS)],
        logs={rule: list(paths) for rule, paths in by_rule},
    )


def _rule(path: str) -> str:
    """Name of the rule whose log lies at a path, `logs/<rule>...`."""
    return path.split("/")[1].removesuffix(".log")
