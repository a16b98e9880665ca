"""Invented nodules, radiomics and scores of two folds and a test, for tests of malignancy."""

from typing import Any

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.base.columns_radiomics import FEATURES
from nodules.evaluation import malignancy
from nodules.findings.ratings import label
from nodules.findings.rule import Rule

NO_RADIOMICS = tables.frame("radiomics")
SETTINGS: dict[str, Any] = {"least_readers": 3, "combine": "mean", "benign": 2.8, "malignant": 3.2}
SETTINGS |= {"vote": "average", "shuffle_labels": None}
RULE = Rule.of(SETTINGS)


def folds(patients: int = 60) -> pd.DataFrame:
    """Table `folds`: a scan a patient, two folds and a test of a third each."""
    rows = [
        {"seriesuid": f"2.25.{k}", "patient": f"p{k:03}", "subset": k % 3, "n_nodules": 2}
        | {"fold": k % 3 - 1}
        for k in range(patients)
    ]
    return tables.frame("folds", rows)


def labels(division: pd.DataFrame, seed: int = 0, shuffled: int | None = None) -> pd.DataFrame:
    """Table `malignancy_labels`: two nodules a scan, the larger ones rated more malignant."""
    rng = np.random.default_rng(seed)
    n = 2 * len(division)
    diameter = rng.lognormal(2, 0.5, n).clip(3, 32)
    malignant = np.log(diameter) + rng.normal(0, 0.5, n) > 2
    nodules = pd.DataFrame(
        {
            "seriesuid": np.repeat(division["seriesuid"].to_numpy(), 2),
            "nodule": np.tile([1, 2], len(division)),
            "diameter_mm": diameter,
        }
    ).assign(x=0.0, y=0.0, z=0.0)
    ratings = [[4, 5, 4] if m else [2, 1, 3] for m in malignant]
    found = pd.DataFrame({"ratings": ratings, "reason": "joined"})
    return label(nodules, found, RULE, shuffled)


def radiomics(given: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Table `radiomics`: features follow the size, more or less; the mean HU tells of the label."""
    rng = np.random.default_rng([seed, 2])
    size = np.log(given["diameter_mm"].to_numpy())
    values = {
        name: rng.uniform(-3, 3) * size + rng.normal(0, 1, len(given)) for name, *_ in FEATURES
    }
    values["morph_volume"] = np.pi / 6 * given["diameter_mm"].to_numpy() ** 3
    values["stat_mean"] = given["label"].to_numpy() * 40 + rng.normal(0, 50, len(given))
    table = pd.DataFrame(values).assign(voxels=50, reason="")
    return tables.frame("radiomics", table.join(given[["seriesuid", "nodule"]]))


def scores(given: pd.DataFrame, seed: int = 0, **skill: float) -> pd.DataFrame:
    """Table `malignancy_scores`: each system's logit is the label times its skill, and noise."""
    rng = np.random.default_rng([seed, 1])
    parts = []
    for system, strength in skill.items():
        logit = strength * given["label"].to_numpy() + rng.normal(0, 1, len(given))
        part = given[["seriesuid", "nodule"]].assign(system=system, member=0, logit=logit)
        parts.append(part.assign(probability=1 / (1 + np.exp(-logit))))
    return tables.frame("malignancy_scores", pd.concat(parts))


def result(**skill: float) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Tables malignancy_nodules and malignancy_curves, and malignancy.json, of such scores."""
    division = folds()
    given = labels(division)
    skill = skill or {"resnet": 2.0, "radiomics": 1.0, "diameter": 1.0}
    known = scores(given, **skill), given, division, NO_RADIOMICS
    return malignancy.score(*known, SETTINGS, 200, 1)
