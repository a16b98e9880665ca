"""The report's page on benign or malignant."""

from collections.abc import Iterator, Mapping
from typing import Any

from nodules.evaluation.names import SETS
from nodules.report import lookup
from nodules.report.figures.malignancy import PAIRS, SYSTEMS
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
    "Malignant and benign are the LIDC readers' opinions of a picture, not diagnoses. Large nodules"
    " are rated malignant, so the diameter alone does well; only what goes beyond it says that a"
    " model sees more than size. All systems are scored on the same nodules, with models that have"
    " not seen their patients. In brackets: 95 % intervals from resampling patients; none where"
    " one kind has fewer than five cases."
)
RULES = (
    "The label rule alone moves every AUC. All three systems were trained under this run's rule;"
    " here the same scores are held against labels by other common rules. Leaving out the"
    " indeterminate nodules makes the task easier, not the system better."
)


def page(found: Mapping[str, Any]) -> Page:
    """The page. found: `malignancy.json`."""
    page = Page("Benign or malignant")
    page.text(str(found["statement"]), "finding")
    page.text(MEANING, "note")
    page.heading("From reference nodules to labels")
    page.table(list(_steps(found["steps"])), numbers=list(STEPS.values()))
    page.notes([own["rule"] for own in found["steps"].values()])
    _listed(page, "Reference nodules without ratings", found["not_joined"])
    _listed(page, "Nodules without radiomic features", found["without_radiomics"])
    for name, own in found["sets"].items():
        where = SETS[name]
        page.heading(f"Scores, {where}")
        page.text(
            f"{own['n_malignant']:,} malignant and {own['n_nodules'] - own['n_malignant']:,} benign"
            f" nodules of {own['n_patients']:,} patients, {own['n_patients_malignant']:,} of them"
            " with a malignant one."
        )
        page.table(list(_scores(own)), "Each system", list(SYSTEMS.values()))
        page.table(list(_gaps(own)), "Paired differences of AUC", list(_names()))
        page.table(
            list(_under(own["rules"])), f"This rule and three common ones, {where}", [*RULE_COLUMNS]
        )
    page.text(RULES)
    return page


RULE_COLUMNS = ("malignant", "benign", *(f"AUC, {name}" for name in SYSTEMS.values()))


def _steps(steps: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for number, (name, own) in enumerate(steps.items(), 1):
        yield {"rule": f"{name} [{number}]"} | {t: f"{own[key]:,}" for key, t in STEPS.items()}


def _scores(own: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    yield _row("AUC, all nodules", own["systems"], "auc")
    yield _row("the same with DeLong's interval", own["systems"], "delong")
    yield _row("AUC, patients by their highest nodule", own["systems"], "patient_auc")
    yield _row("AUC within size classes, pooled", own["systems"], "auc_within_size")
    for name, counts in own["by_size"].items():
        yield _row(_class(name, counts), own["systems"], f"auc {name}")
    yield _row("Brier score (lower is better)", own["systems"], "brier")


def _gaps(own: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    gaps, names = own["differences"], _names()
    for text, key in (
        ("all nodules", "auc"),
        ("the same with DeLong's interval", "delong"),
        ("patients by their highest nodule", "patient_auc"),
        ("within size classes, pooled", "auc_within_size"),
    ):
        yield _row(text, gaps, key, names)
    for name, counts in own["by_size"].items():
        yield _row(_class(name, counts), gaps, f"auc {name}", names)
    p = {text: _p(gaps[pair]["delong"]["p"]) for text, pair in names.items() if pair in gaps}
    yield {"": "p-value (DeLong)"} | p


def _under(rules: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for name, own in rules.items():
        malignant, benign = own["n_malignant"], own["n_nodules"] - own["n_malignant"]
        yield {"rule": name, "malignant": f"{malignant:,}", "benign": f"{benign:,}"} | {
            f"AUC, {text}": lookup.estimate(own["auc"].get(system))
            for system, text in SYSTEMS.items()
        }


def _row(
    text: str, found: Mapping[str, Any], key: str, names: Mapping[str, str] | None = None
) -> dict[str, str]:
    columns = names or {label: system for system, label in SYSTEMS.items()}
    shown = {label: lookup.estimate(found[s][key]) for label, s in columns.items() if s in found}
    return {"": text} | shown


def _names() -> dict[str, str]:
    return {label: pair for pair, (label, _, _) in PAIRS.items()}


def _class(name: str, counts: Mapping[str, int]) -> str:
    text = name.replace(">=", "≥ ").replace("<", "< ").replace("-", "–")
    return f"{text} mm ({counts['malignant']:,} malignant of {counts['n']:,})"


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
