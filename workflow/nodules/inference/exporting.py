"""Everything that a run knows about its networks, as the manifest of one model file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nodules.base.files import UserError, read_json
from nodules.inference import exported
from nodules.inference.export_froc import froc_of

LUNGS = "lungs"  # role of the lung networks, whose input differs from the others'


@dataclass(frozen=True)
class System:
    """A kind of model: which networks it uses, and which scores describe it.

    key:   in `inference.detectors.SYSTEMS`. roles: role of a network, by its model's name.
    same:  keys of `input` in which networks must agree.
    first: the detecting networks' system in table `metrics`; second: with the second stage; drawn:
           the one that makes the masks.
    """

    key: str
    roles: Mapping[str, str]
    same: tuple[str, ...]
    first: str
    second: str
    drawn: str

    @property
    def scores(self) -> list[tuple[str, str, str]]:
        """Rows of table `metrics` to include: measure, system, operating point."""
        classified = [("presence_auc", "presence", ""), ("presence_ece_scaled", "presence", "")]
        return [
            ("cpm", self.second, ""),
            ("cpm", self.first, ""),
            ("recall", self.second, "best_8_per_scan"),
            ("false_alarms_per_scan", self.second, "best_8_per_scan"),
            ("sensitivity", self.second, "1"),
            *(classified if "presence" in self.roles else []),
            *(
                ("malignancy_auc", system, "")
                for system in ("resnet", "cubes")
                if "malignancy" in self.roles
            ),
            ("dice", self.drawn, ""),
        ]


def on_slices(detector: str) -> System:
    """The system of a detector on slices, followed by the ResNet50s."""
    roles = {detector: "unet", "presence": "presence", LUNGS: LUNGS}
    roles |= {"malignancy": "malignancy", "malignancy_cubes": "malignancy"}
    same = ("lungs", "slices")
    return System("slices", roles, same, detector, f"{detector}_resnet", detector)


IN_3D = System(
    "volumes",
    {"unet3d": "unet3d", "reduction": "reduction", LUNGS: LUNGS},
    ("lungs", "volumes"),
    "unet3d",
    "unet3d_reduction",
    "reduction",
)
STAGES = ("unet3d", "reduction", "intercept")  # keys of the weights that combine the stages' logits
SETS = {
    "test": "test scans, which no network has seen, by all networks together",
    "out_of_fold": "scans that each fold leaves out, by that fold's networks alone",
}
ALL = (
    "networks trained on all scans (those that find lungs, if any, on their folds'); scores,"
    " thresholds and temperature are those of the folds' networks, since no scan is left to judge"
    " these by"
)
FOLDS = "the networks of all folds, their answers averaged"
RESEARCH = (
    "Research on {}: candidates for a reader to look at. Not a medical"
    " device: not for diagnosis, treatment or any decision about a patient."
)
INTENDED_USE = RESEARCH.format("lung nodules in chest CT")


def about(units: str, words: Mapping[str, Any]) -> dict[str, str]:
    """Manifest fields that differ for a data set whose lesions and organ are renamed; else empty.

    Raises UserError if its values are not HU, since a model is only ever given HU.
    """
    if units != "hu":
        raise UserError(
            f"dataset.units {units}: a model file is for `luna16 predict`, which reads CT in HU, so"
            " none is written. Use the networks in results/models."
        )
    named = f"{words['lesions']} ({words['organ']}) in CT" if words else ""
    return {"intended_use": RESEARCH.format(named)} if named else {}


def networks_of(models: Iterable[str | Path], system: System) -> list[dict[str, Any]]:
    """Entries of the networks in a manifest, from the paths of their model.json.

    Raises UserError for a network that the system does not use.
    """
    found = []
    for path in map(Path, models):
        own = read_json(path)
        if own["model"] not in system.roles:
            raise UserError(f"{path}: '{own['model']}' is no network of this system. Name others.")
        role, trained = system.roles[own["model"]], own["trained_on"]
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
    system: System,
    ensemble: str = FOLDS,
    froc: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Manifest of a model made of a run's networks.

    settings: of candidates, of both stages, and how malignancy networks vote. fitted: threshold and
    temperature, as `fitted` in presence.json; None if they could not be fitted. metrics: table of
    that name. facts: version, data, made_with. ensemble: describes in words which networks these
    are. froc: table of that name, for the false positives that a threshold costs.

    Raises UserError if networks prepare scans in different ways.
    """
    first = networks[0]["manifest"]
    for network in (n for n in networks if n["role"] != LUNGS):
        if any(network["manifest"]["input"][key] != first["input"][key] for key in system.same):
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
        "system": system.key,
        "ensemble": ensemble,
        "settings": dict(settings) | thresholds,
        "input": {key: first["input"][key] for key in system.same} | {"networks": own},
        "scores": scores(metrics, system),
        "froc": _froc(froc, system),
        "intended_use": INTENDED_USE,
        "licence": first["licence"],
        **facts,
        "networks": list(networks),
    }


def _froc(table: pd.DataFrame | None, system: System) -> dict[str, Any]:
    """The curve of the system with its second stage, or without it if there is none."""
    curves = (froc_of(table, key) for key in (system.second, system.first) if table is not None)
    return next(filter(None, curves), {})


def scores(metrics: pd.DataFrame, system: System) -> list[dict[str, Any]]:
    """Rows of table `metrics` that describe the system's performance, with intervals."""
    found = []
    for measure, key, point in system.scores:
        own = metrics[
            (metrics["measure"] == measure)
            & (metrics["system"] == key)
            & (metrics["point"] == point)
            & (metrics["group"] == "")
            & (metrics["other"] == "")
            & metrics["set"].isin(list(SETS))
        ]
        columns = ["measure", "system", "point", "set", "value", "low", "high", "n", "unit"]
        for row in own[[*columns, "definition"]].to_dict("records"):
            found.append({key: None if value != value else value for key, value in row.items()})
    return found
