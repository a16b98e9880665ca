"""Benign or malignant: ResNet50, radiomics and diameter on the same nodules, and their differences.

Every interval is a bootstrap over patients, since the nodules of one patient are not independent.
DeLong's interval, which assumes that they are, is given as well. docs/malignancy.md explains the
numbers.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.base.files import UserError
from nodules.evaluation import names, sets
from nodules.evaluation.statements import malignancy
from nodules.findings.rule import COMMON, LEFT_OUT, Rule, attrition, under
from nodules.findings.size import CLASSES, diameter_class
from nodules.stats import bootstrap, calibration, delong, ranking, votes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KEY = ["seriesuid", "nodule"]
ONE_CLASS = "all nodules are of one class"
RARER = "cases of the rarer kind"


def score(
    scores: pd.DataFrame,
    labels: pd.DataFrame,
    folds: pd.DataFrame,
    radiomics: pd.DataFrame,
    settings: Mapping[str, Any],
    replicates: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Tables `malignancy_nodules` and `malignancy_curves`, and the content of malignancy.json.

    scores: table `malignancy_scores` of all systems and parts; labels: table `malignancy_labels`;
    radiomics: table of that name, with the reason if a nodule has no features.
    settings: config section `malignancy`, with the label rule and the ensemble's vote.
    """
    rule = Rule.of(settings)
    rules = {"this run": rule} | COMMON
    known = assemble(scores, labels, folds, settings["vote"])
    used = labels[labels["seriesuid"].isin(folds.loc[folds["fold"] >= -1, "seriesuid"])]
    nodules, curves = [], []
    summary: dict[str, Any] = {
        "rule": rule.text(),
        "shuffled_labels": settings["shuffle_labels"] is not None,
        "steps": {name: attrition(used, own) | {"rule": own.text()} for name, own in rules.items()},
        "not_joined": used.loc[used["readers"] == 0, [*KEY, "reason"]].to_dict("records"),
        "without_radiomics": radiomics.loc[radiomics["reason"] != "", [*KEY, "reason"]].to_dict(
            "records"
        ),
        "sets": {},
    }
    for name, uids in sets.pooled_sets(folds).items():
        own = sets.of(known, uids)
        kept = own[own["label"] != LEFT_OUT]
        summary["sets"][name] = measure(kept, replicates, seed) | {
            "rules": {text: _under(own, other, replicates, seed) for text, other in rules.items()}
        }
        nodules.append(kept.assign(set=name))
        curves += [
            _curve(group, replicates, seed).assign(set=name) for _, group in kept.groupby("system")
        ]
    summary["main_set"] = malignancy.main_set(summary["sets"])
    summary["statement"] = malignancy.write(summary)
    return _table("malignancy_nodules", nodules), _table("malignancy_curves", curves), summary


def assemble(
    scores: pd.DataFrame, labels: pd.DataFrame, folds: pd.DataFrame, vote: str
) -> pd.DataFrame:
    """One row per system and rated nodule, with the system's score and the readers' label.

    Raises UserError if two systems do not score the same nodules.
    """
    rated = labels[labels["readers"] > 0]
    together = votes.combine(scores, vote).merge(rated, on=KEY, validate="many_to_one")
    each = {
        system: set(zip(*(own[k] for k in KEY), strict=True))
        for system, own in together.groupby("system")
    }
    for (first, one), (second, other) in combinations(each.items(), 2):
        if one != other:
            uid, nodule = sorted(one ^ other)[0]
            raise UserError(
                f"results/malignancy: scan {uid}, nodule {nodule} is scored by one of {first} and"
                f" {second} only. Delete results/malignancy and run snakemake again."
            )
    score = together["logit"].copy()
    for key, system in names.MALIGNANCY.items():
        own = together["system"] == key
        score[own] = together.loc[own, system.scores.score]
    return together.assign(
        patient=together["seriesuid"].map(folds.set_index("seriesuid")["patient"]),
        score=score,
        diameter_class=[diameter_class(d) for d in together["diameter_mm"]],
    )


def measure(kept: pd.DataFrame, replicates: int, seed: int) -> dict[str, Any]:
    """All numbers of one set. kept: labelled rows of `assemble`."""
    present = [system for system in names.MALIGNANCY if (kept["system"] == system).any()]
    systems = {system: kept[kept["system"] == system].sort_values(KEY) for system in present}
    one = next(iter(systems.values()), kept)
    labels, patient, n = one["label"].to_numpy(np.int64), *bootstrap.codes(one["patient"])
    drawn = bootstrap.weights(n, replicates, seed)
    found: dict[str, Any] = {
        "n_nodules": len(one),
        "n_malignant": int(labels.sum()),
        "n_patients": n,
        "n_patients_malignant": int(one.groupby("patient")["label"].max().sum()),
        "by_size": _sizes(one),
        "systems": {},
        "differences": {},
    }
    rarer = _rarer(found)
    areas = delong.compare(labels, [own["score"].to_numpy(float) for own in systems.values()])
    replicas = {}
    for i, (system, own) in enumerate(systems.items()):
        replicas[system] = _replicates(own, labels, patient, drawn)
        probability = own["probability"].to_numpy(float)
        brier = calibration.calibration_measures(labels, probability, patient, drawn)["brier"]
        found["systems"][system] = _estimates(replicas[system], rarer) | {
            "brier": bootstrap.estimate(
                brier, "there is no nodule", {"patients": n, RARER: rarer["auc"]}
            ).to_dict(),
            "delong": _delong(rarer, areas.auc[i], *areas.interval(i)),
        }
    for (i, first), (k, second) in combinations(enumerate(systems), 2):
        gap, low, high, p = areas.difference(i, k)
        found["differences"][names.Pair(first, second).key] = _estimates(
            {name: values - replicas[second][name] for name, values in replicas[first].items()},
            rarer,
        ) | {"delong": _delong(rarer, gap, low, high, p)}
    return found


def within_classes(
    labels: Ints, scores: Floats, classes: NDArray[np.object_], patient: Ints, drawn: Floats
) -> tuple[Floats, dict[str, Floats]]:
    """AUC pooled over all pairs of nodules of the same size class, and AUC of each class.

    Each (1 + replicates,). The pooled AUC measures what a system knows beyond size: among pairs of
    a malignant and a benign nodule of one size class, the share in which the malignant one scores
    higher.
    """
    wins, pairs = np.zeros(len(drawn)), np.zeros(len(drawn))
    each = {}
    for name in (c for c in CLASSES if (classes == c).any()):
        own = classes == name
        auc = ranking.rank_measures(labels[own], scores[own], patient[own], drawn)["auc"]
        benign, malignant = (
            drawn @ bootstrap.per_scan(patient[own], labels[own] == side, drawn.shape[1])
            for side in (0, 1)
        )
        wins += np.nan_to_num(auc) * benign * malignant
        pairs += benign * malignant
        each[name] = auc
    return bootstrap.ratio(wins, pairs), each


def by_patient(own: pd.DataFrame) -> pd.DataFrame:
    """Patient, highest label and highest score over each patient's labelled nodules."""
    return own.groupby("patient", as_index=False)[["label", "score"]].max()


def _replicates(own: pd.DataFrame, labels: Ints, patient: Ints, drawn: Floats) -> dict[str, Floats]:
    """AUC under each resample: over nodules, over patients, within size classes, and per class."""
    scores = own["score"].to_numpy(float)
    highest = by_patient(own)  # sorted by patient, as are the bootstrap codes
    classes = own["diameter_class"].to_numpy(object)
    pooled, each = within_classes(labels, scores, classes, patient, drawn)
    top = (highest["label"].to_numpy(np.int64), highest["score"].to_numpy(float))
    return {
        "auc": ranking.rank_measures(labels, scores, patient, drawn)["auc"],
        "patient_auc": ranking.rank_measures(*top, np.arange(len(highest)), drawn)["auc"],
        "auc_within_size": pooled,
    } | {f"auc {name}": values for name, values in each.items()}


def _estimates(replicas: Mapping[str, Floats], rarer: Mapping[str, int]) -> dict[str, Any]:
    """Estimates by name, without an interval if the rarer class has too few cases."""
    return {
        name: bootstrap.estimate(values, ONE_CLASS, {RARER: rarer[name]}).to_dict()
        for name, values in replicas.items()
    }


def _rarer(found: Mapping[str, Any]) -> dict[str, int]:
    """Number of cases of the rarer class behind each AUC of a set."""
    nodules, patients = (
        min(found[f"{name}_malignant"], found[total] - found[f"{name}_malignant"])
        for name, total in (("n", "n_nodules"), ("n_patients", "n_patients"))
    )
    return {"auc": nodules, "auc_within_size": nodules, "patient_auc": patients} | {
        f"auc {name}": min(own["malignant"], own["n"] - own["malignant"])
        for name, own in found["by_size"].items()
    }


def _delong(
    rarer: Mapping[str, int], value: float, low: float, high: float, p: float | None = None
) -> dict[str, Any]:
    """DeLong's estimate by the rules of the bootstrap's; of a difference with its p-value."""
    few = bootstrap.too_few({RARER: rarer["auc"]})
    none = few or (bootstrap.SAME if low == high else "")
    bounds = (np.nan, np.nan) if none else (float(low), float(high))
    found = bootstrap.Estimate(float(value), *bounds, none or ONE_CLASS).to_dict()
    return found if p is None else found | {"p": np.nan if few else p}


def _sizes(one: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Number of nodules, and of malignant ones, in each size class that has any."""
    groups = {name: one[one["diameter_class"] == name]["label"] for name in CLASSES}
    counts = {name: {"n": len(own), "malignant": int(own.sum())} for name, own in groups.items()}
    return {name: own for name, own in counts.items() if own["n"]}


def _under(own: pd.DataFrame, rule: Rule, replicates: int, seed: int) -> dict[str, Any]:
    """AUC of the same scores when the nodules are labelled by another rule."""
    own = own.assign(label=under(own, rule))
    own = own[own["label"] != LEFT_OUT]
    found: dict[str, Any] = {"n_nodules": 0, "n_malignant": 0, "auc": {}}
    for system in names.MALIGNANCY:
        group = own[own["system"] == system]
        if group.empty:
            continue
        labels, patient, n = group["label"].to_numpy(np.int64), *bootstrap.codes(group["patient"])
        drawn = bootstrap.weights(n, replicates, seed)
        auc = ranking.rank_measures(labels, group["score"].to_numpy(float), patient, drawn)["auc"]
        rarer = min(int(labels.sum()), int((1 - labels).sum()))
        found["auc"][system] = _estimates({"auc": auc}, {"auc": rarer})["auc"]
        found |= {"n_nodules": len(group), "n_malignant": int(labels.sum())}
    return found


def _curve(group: pd.DataFrame, replicates: int, seed: int) -> pd.DataFrame:
    labels, scores = group["label"].to_numpy(np.int64), group["score"].to_numpy(float)
    x, y, at = ranking.roc_curve(labels, scores)
    curve = pd.DataFrame({"curve": "roc", "x": x, "y": y, "threshold": at})
    patient, n = bootstrap.codes(group["patient"])
    rarer = min(int(labels.sum()), int((1 - labels).sum()))
    few = bootstrap.too_few({"patients": n, RARER: rarer})
    drawn = bootstrap.weights(n, replicates, seed)
    band = sets.roc_band(labels, scores, (patient, drawn), few)
    both = pd.concat([curve, band], ignore_index=True).assign(system=group["system"].iloc[0])
    return both.replace({"threshold": {np.inf: np.nan}}).dropna(subset=["x", "y"])


def _table(name: str, frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [f[tables.columns(name)] for f in frames if len(f)]
    return tables.frame(name, pd.concat(filled) if filled else ())
