"""The report's page on benign or malignant."""

from collections.abc import Iterator, Mapping
from typing import Any

from nodules.evaluation import metrics, pairs
from nodules.evaluation.metrics import MEASURES, of_section
from nodules.evaluation.names import MALIGNANCY, SETS
from nodules.report import lookup
from nodules.report.figures.malignancy import pair_name
from nodules.report.pages.page import Page

STEPS = {
    "reference": "reference nodules",
    "joined": "rated",
    "enough_readers": "by enough readers",
    "labelled": "labelled",
    "malignant": "malignant",
    "benign": "benign",
}
MEANING = (
    "Malignant and benign are the LIDC readers' opinions of an image, not diagnoses. Large nodules"
    f" tend to be rated malignant, so {MALIGNANCY['diameter'].said} does well; only a model that"
    " does better sees more than size. All systems are scored on the same nodules, with models that"
    " have not seen their patients. In brackets: 95 % intervals from resampling patients; none"
    " where one kind has fewer than five cases. DeLong's intervals and p-values treat nodules as"
    " independent: they are given for comparison and decide nothing here."
)
RULES = (
    "The label rule alone changes every AUC. All three systems were trained under this run's rule;"
    " here the same scores are compared with labels by other common rules. Leaving out the"
    " indeterminate nodules makes the task easier, not the system better."
)


def page(found: Mapping[str, Any]) -> Page:
    """The page on benign or malignant. found: `malignancy.json`."""
    page = Page("Benign or malignant")
    page.text(str(found["statement"]), "finding")
    page.text(MEANING, "note")
    page.heading("From reference nodules to labels")
    page.table(list(_steps(found["steps"])), numbers=list(STEPS.values()))
    page.notes([own["rule"] for own in found["steps"].values()])
    _listed(page, "Reference nodules without ratings", found["not_joined"])
    _listed(page, "Nodules without radiomic features", found["without_radiomics"])
    for name, own in found["sets"].items():
        where = SETS[name].name
        page.heading(f"Scores, {where}")
        page.text(
            f"{own['n_malignant']:,} malignant and {own['n_nodules'] - own['n_malignant']:,} benign"
            f" nodules of {own['n_patients']:,} patients, {own['n_patients_malignant']:,} of them"
            " with a malignant one."
        )
        page.table(
            list(_scores(own)), "Each system", [system.name for system in MALIGNANCY.values()]
        )
        page.table(list(_gaps(own)), "Paired differences of AUC", list(_pairs()))
        page.table(
            list(_under(own["rules"], own["systems"] or MALIGNANCY)),
            f"This rule and three common ones, {where}",
            [*RULE_COLUMNS],
        )
    page.text(RULES)
    return page


RULE_COLUMNS = ("malignant", "benign", *(f"AUC, {system.name}" for system in MALIGNANCY.values()))


def _steps(steps: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for number, (name, own) in enumerate(steps.items(), 1):
        yield {"rule": f"{name} [{number}]"} | {t: f"{own[key]:,}" for key, t in STEPS.items()}


def _scores(own: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    columns = {system.name: key for key, system in MALIGNANCY.items()}
    yield from _areas(own, own["systems"], columns)
    yield _row(MEASURES["malignancy_brier"].words, own["systems"], "brier", columns)


def _gaps(own: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    gaps, columns = own["differences"], _pairs()
    yield from _areas(own, gaps, columns)
    p = {text: _p(gaps[pair]["delong"]["p"]) for text, pair in columns.items() if pair in gaps}
    yield {"": "p-value (DeLong)"} | p


def _areas(
    own: Mapping[str, Any], found: Mapping[str, Any], columns: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """Rows of AUCs or their differences: nodules, patients, within size classes, and in each."""
    for measure in (m for m in of_section(metrics.MALIGNANCY) if m.key != "malignancy_brier"):
        yield _row(measure.words, found, measure.source[0], columns)
        if measure.key == "malignancy_auc":
            yield _row("the same with DeLong's interval", found, "delong", columns)
    for name, counts in own["by_size"].items():
        yield _row(_class(name, counts), found, f"auc {name}", columns)


def _under(rules: Mapping[str, Any], systems: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for name, own in rules.items():
        malignant, benign = own["n_malignant"], own["n_nodules"] - own["n_malignant"]
        yield {"rule": name, "malignant": f"{malignant:,}", "benign": f"{benign:,}"} | {
            f"AUC, {system.name}": lookup.estimate(own["auc"].get(system.key))
            for system in MALIGNANCY.values()
            if system.key in systems
        }


def _row(
    text: str, found: Mapping[str, Any], key: str, columns: Mapping[str, str]
) -> dict[str, str]:
    shown = {label: lookup.estimate(found[s][key]) for label, s in columns.items() if s in found}
    return {"": text} | shown


def _pairs() -> dict[str, str]:
    return {pair_name(pair): pair.key for pair in pairs.MALIGNANCY_PAIRS}


def _class(name: str, counts: Mapping[str, int]) -> str:
    return f"{lookup.class_name(name)} ({counts['malignant']:,} malignant of {counts['n']:,})"


def _listed(page: Page, title: str, nodules: list[dict[str, Any]]) -> None:
    if nodules:
        rows = [
            {"scan": n["seriesuid"], "nodule": n["nodule"], "why": n["reason"]} for n in nodules
        ]
        with page.details(f"{title}: {len(nodules):,}"):
            page.table(rows)


def _p(value: float | None) -> str:
    if value is None or value != value:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
