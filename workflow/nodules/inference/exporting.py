"""What a run knows of its networks, gathered into the manifest of one model file."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from nodules.base.files import UserError, read_json
from nodules.inference import exported

SYSTEM = "slices"
ROLES = ("unet", "presence", "malignancy")
# Of table `metrics`, what says how good the model is: measure, system, and operating point.
SCORES = (
    ("cpm", "unet_resnet", ""),
    ("cpm", "unet", ""),
    ("recall", "unet_resnet", "best_8_per_scan"),
    ("false_alarms_per_scan", "unet_resnet", "best_8_per_scan"),
    ("sensitivity", "unet_resnet", "1"),
    ("presence_auc", "presence", ""),
    ("presence_ece_scaled", "presence", ""),
    ("malignancy_auc", "resnet", ""),
    ("dice", "unet", ""),
)
SETS = {
    "test": "held-out scans, which no network has seen, by all networks together",
    "out_of_fold": "scans that each fold leaves out, by that fold's networks alone",
}
INTENDED_USE = (
    "Research on lung nodules in chest CT: candidates for a reader to look at. Not a medical"
    " device: not for diagnosis, treatment or any decision about a patient."
)


def networks_of(models: Iterable[str | Path], roles: Sequence[str] = ROLES) -> list[dict[str, Any]]:
    """Each network as a manifest names it, of the paths of their model.json.

    roles: what a network of the system may be; UserError for another.
    """
    found = []
    for path in map(Path, models):
        own = read_json(path)
        role, trained = own["model"], own["trained_on"]
        if role not in roles:
            raise UserError(f"{path}: '{role}' is no network of this system. Name others.")
        place = f"{role}/fold_{trained['fold']}/member_{trained['member']}.pt"
        weights = own["weights"]
        network = {"role": role, "fold": trained["fold"], "member": trained["member"]}
        found.append(network | {"file": place, "sha256": weights["sha256"], "manifest": own})
    return found


def manifest(
    name: str,
    networks: Sequence[dict[str, Any]],
    settings: Mapping[str, Any],
    fitted: Mapping[str, Any] | None,
    metrics: pd.DataFrame,
    facts: Mapping[str, Any],
    system: str = SYSTEM,
    same: Sequence[str] = ("lungs", "slices"),
) -> dict[str, Any]:
    """The manifest of a model of networks trained in folds.

    settings: candidates, and how malignancy networks vote. fitted: `fitted` of presence.json; None
    without presence networks. metrics: that table. facts: version, data, made_with. system: what
    finds with them (`inference.detectors`). same: keys of `input` in which networks must agree.
    Raises UserError where networks prepare scans in different ways.
    """
    first = networks[0]["manifest"]
    for network in networks:
        if any(network["manifest"]["input"][key] != first["input"][key] for key in same):
            raise UserError(
                f"{network['file']}: its scans are cut in another way than those of"
                f" {networks[0]['file']}. Run snakemake again before exporting."
            )
    by_role = {n["role"]: n["manifest"] for n in networks}
    own = {role: told["input"] | {"output": told["output"]} for role, told in by_role.items()}
    thresholds = {
        "threshold": fitted["threshold"]["test"] if fitted else None,
        "temperature": fitted["temperature"]["test"] if fitted else None,
        "rule": fitted["rule"] if fitted else "none was fitted",
        "fitted_on": fitted["n_validation"] if fitted else 0,
    }
    return {
        "format": exported.FORMAT,
        "kind": exported.KIND,
        "name": name,
        "system": system,
        "ensemble": "the networks of all folds, their answers averaged",
        "settings": dict(settings) | thresholds,
        "input": {key: first["input"][key] for key in same} | {"networks": own},
        "scores": scores(metrics),
        "intended_use": INTENDED_USE,
        "licence": first["licence"],
        **facts,
        "networks": list(networks),
    }


def scores(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of table `metrics` that say how good the model is, with their intervals."""
    found = []
    for measure, system, point in SCORES:
        own = metrics[
            (metrics["measure"] == measure)
            & (metrics["system"] == system)
            & (metrics["point"] == point)
            & (metrics["group"] == "")
            & (metrics["other"] == "")
            & metrics["set"].isin(list(SETS))
        ]
        columns = ["measure", "system", "point", "set", "value", "low", "high", "n", "unit"]
        for row in own[[*columns, "definition"]].to_dict("records"):
            found.append({key: None if value != value else value for key, value in row.items()})
    return found
