"""Checks of the configuration against its schema, with messages that say what to change."""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from nodules.base import configuration_dataset, configuration_networks
from nodules.base.files import UserError

SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"
SUBSETS = 10  # of LUNA16; the phantom's scan i is in subset i % 10
START_WEIGHTS = ("random", "imagenet")  # every other name is a path
# Keys of earlier versions and their new names.
RENAMED = {
    "resnet": "presence",
    "resnet.task": "tasks, a list such as [presence, malignancy]",
    "resnet.crop_mm": "crops.mm",
    "resnet.crop_px": "crops.px",
    "resnet.augment": "crops.augment",
    "baseline": "maskrcnn",
    "baseline.threshold": "maskrcnn.pixel_threshold",
    "baseline.score_threshold": "maskrcnn.instance_threshold",
    "candidates.threshold": "candidates.pixel_threshold",
    "malignancy.readers": "malignancy.least_readers",
    "malignancy.slices": "malignancy.crops_per_nodule",
}
# In a path, Snakemake reads these as the limits of a wildcard or a path variable.
NOT_IN_A_PATH = "{}<>"


def schema() -> dict[str, Any]:
    """The JSON schema of the configuration."""
    return yaml.safe_load(SCHEMA.read_text())


def check(config: dict[str, Any], files: Iterable[str | Path] = ()) -> None:
    """Raise UserError naming every key that is unknown, missing, of a wrong type or impossible.

    Numbers and booleans given as text are first converted in place: YAML reads 1e-3 as text, and
    Snakemake every value within `--config section={key: value}`. files: those that the
    configuration was read from; a key that one of them gives twice is named with its lines.
    """
    rules = schema()
    _read_text(config, rules)
    validator = Draft202012Validator(rules)
    problems = [line for error in validator.iter_errors(dict(config)) for line in _explain(error)]
    problems += _not_finite(config)
    problems += [line for file in files for line in given_twice(file)]
    _refuse(problems or list(_contradictions(config)))


def check_weights(config: Mapping[str, Any]) -> None:
    """Raise UserError if a file of start weights for a network of this run is missing.

    Not part of `check`, since figures are redrawn without such files.
    """
    _refuse(
        [
            f"{section}.weights: there is no file '{path}' in {Path(path).absolute().parent}"
            f" {_meant(path, START_WEIGHTS)}".rstrip()
            + ". Name a state dict, random or imagenet"
            for section, path in _starting_weights(config)
            if path not in START_WEIGHTS and not Path(path).is_file()
        ]
    )


def given_twice(file: str | Path) -> Iterator[str]:
    """A message per key given twice in one section of a YAML or JSON file; the last would win."""
    try:
        root = yaml.compose(Path(file).read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return  # Snakemake has read the file by other means
    seen: list[yaml.Node] = []
    queue = [("", root)]
    while queue:
        place, node = queue.pop(0)
        if not isinstance(node, yaml.MappingNode) or any(node is other for other in seen):
            continue
        seen.append(node)
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = f"{place}{key.value}"
            if isinstance(key, yaml.ScalarNode) and key.value in lines:
                yield (
                    f"{name}: stands in {file} on line {lines[key.value]} and again on line {line}."
                    " Keep one of the two"
                )
            lines[str(key.value)] = line
            queue.append((f"{name}.", value))


def _refuse(problems: list[str]) -> None:
    """Raise UserError listing the problems, if there are any."""
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise UserError(
            f"The configuration cannot be used:\n{lines}\n"
            "Every key is explained in config/README.md; defaults are in config/config.yaml."
        )


def keys(node: Mapping[str, Any] | None = None, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys in the schema."""
    for name, value in (schema() if node is None else node)["properties"].items():
        if "properties" in value:
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _read_text(node: dict[str, Any], rules: Mapping[str, Any]) -> None:
    """Replace text, in place, by the number, boolean or null it spells, if the schema wants one."""
    for name, rule in rules["properties"].items():
        value = node.get(name)
        if isinstance(value, dict) and "properties" in rule:
            _read_text(value, rule)
        elif isinstance(value, list) and "items" in rule:
            node[name] = [_spelled(item, rule["items"].get("type")) for item in value]
        elif name in node:
            node[name] = _spelled(value, rule.get("type"))


def _spelled(value: Any, kind: str | list[str] | None) -> Any:
    """The value that a text spells, if it is of the wanted type; else the value unchanged."""
    if isinstance(kind, list):  # a type and null
        return None if value == "null" else _spelled(value, kind[0])
    if not isinstance(value, str) or kind not in ("number", "integer", "boolean"):
        return value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    try:
        number = float(value)
    except ValueError:
        return value
    # 1e300 must not become an integer of hundreds of digits.
    whole = kind == "integer" and number.is_integer() and abs(number) < 1e15
    return int(number) if whole else number


def _not_finite(node: Any, place: str = "") -> Iterator[str]:
    """A message per number that is infinite or NaN; the schema's bounds do not catch them."""
    if isinstance(node, Mapping | list):
        items = node.items() if isinstance(node, Mapping) else enumerate(node)
        for name, value in items:
            yield from _not_finite(value, f"{place}.{name}" if place else str(name))
    elif isinstance(node, float) and not math.isfinite(node):
        yield f"{place}: {node} is not a finite number"


def _explain(error: ValidationError) -> Iterator[str]:
    place = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for name in sorted(set(error.instance) - set(known), key=str):
            whole = f"{place}.{name}" if place else str(name)
            if whole in RENAMED:
                yield from _renamed(whole, error.instance[name])
                continue
            hint = _meant(str(name), known) or f"known here: {', '.join(known)}"
            if not isinstance(name, str):
                hint = f"a key is a word, and YAML takes this one for a {type(name).__name__}"
            yield f"unknown key '{whole}': {hint}"
    elif not (isinstance(error.instance, float) and not math.isfinite(error.instance)):
        yield f"{place or 'top level'}: {error.message}"


def _renamed(key: str, value: Any) -> Iterator[str]:
    """New names of a key of an earlier version and of those of its own keys that changed too."""
    yield f"{key}: is now called {RENAMED[key]}"
    inner = value if isinstance(value, Mapping) else {}
    for name in (f"{key}.{name}" for name in inner):
        if name in RENAMED:
            yield f"{name}: is now called {RENAMED[name]}"


def _meant(name: str, known: Iterable[str]) -> str:
    """The question "did you mean ...?" with the closest known name; "" if none is close."""
    close = difflib.get_close_matches(name.strip().lower(), known, n=1)
    return f"did you mean '{close[0]}'?" if close else ""


def _of_export(config: Mapping[str, Any]) -> Iterator[str]:
    first = config["detectors"][0]
    if config["export"]["networks"] == "all" and first != "unet":
        yield (
            f"export.networks: all retrains unet, but {first} is the first of detectors; put"
            " unet first, or export folds"
        )


def _contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    yield from _of_windows(config)
    fewest, most = config["phantom"]["slices"]
    if fewest > most:
        yield f"phantom.slices: {fewest} must not exceed {most}"
    benign, malignant = config["malignancy"]["benign"], config["malignancy"]["malignant"]
    if benign >= malignant:
        yield f"malignancy.benign: {benign} must lie below malignancy.malignant {malignant}"
    yield from configuration_dataset.contradictions(config)
    yield from configuration_networks.contradictions(config)
    yield from _of_export(config)
    for section, weights in _starting_weights(config):
        yield from _of_weights(f"{section}.weights", weights)
    if config["data"]["source"] in configuration_dataset.PHANTOMS:
        yield from _of_folds(config["folds"], config["phantom"]["scans"])
        if config["luna16_dir"]:
            yield (
                "luna16_dir: is named, but with data.source phantom no scan of it is read;"
                " add --configfile config/luna16.yaml"
            )
    if config["data"]["source"] == "luna16" and not config["luna16_dir"]:
        yield (
            "luna16_dir: name the folder that holds subset0 .. subset9, for example"
            " --config luna16_dir=/data/LUNA16"
        )


def _of_windows(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems with the HU windows of slices and volumes."""
    for section in ("slices", "volumes"):
        low, high = config[section]["window"]
        if low >= high:
            yield f"{section}.window: {low} HU must lie below {high} HU"
        elif round(low) == round(high):
            yield (
                f"{section}.window: {low} and {high} HU are the same in whole HU; give a wider"
                " window"
            )


def _starting_weights(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Sections of the networks that this run trains, each with its start weights."""
    for task in config["tasks"]:
        yield task, config[task]["weights"]
    if config["maskrcnn"]["enabled"]:
        yield "maskrcnn", config["maskrcnn"]["weights"]
    for name in config["detectors"]:
        yield name, config[name].get("weights", "random")


def _of_weights(key: str, weights: str) -> Iterator[str]:
    if weights in START_WEIGHTS:
        return
    if weights.strip().lower() in START_WEIGHTS:
        yield (
            f"{key}: {_meant(weights, START_WEIGHTS)} (a file of that name in the working folder"
            f" is './{weights}')"
        )
    elif set(weights) & set(NOT_IN_A_PATH):
        yield (
            f"{key}: '{weights}' holds one of {' '.join(NOT_IN_A_PATH)}, which have a meaning of"
            " their own in the workflow's paths; rename the file"
        )
    elif Path(weights).resolve().is_relative_to(Path("results").resolve()):
        yield (
            f"{key}: '{weights}' lies in results, where the workflow writes; copy the file to"
            " another folder"
        )


def _of_folds(folds: Mapping[str, Any], scans: int) -> Iterator[str]:
    """Folds that the phantom's scans cannot fill: scan i is one patient, in subset i % 10."""
    there = min(scans, SUBSETS)
    if folds["scheme"] == "official":
        if there < 2:
            yield "phantom.scans: folds.scheme official needs at least 2, in two subsets"
        return
    test = folds["test_subset"]
    if test is not None and test >= there:
        yield (
            f"folds.test_subset: the phantom has no subset {test}, since its {scans} scans are in"
            f" subsets 0 to {there - 1}; choose one of these, null to hold out none, or"
            f" phantom.scans of at least {test + 1}"
        )
        return
    rest = scans - (0 if test is None else len(range(test, scans, SUBSETS)))
    if rest < folds["n"]:
        fewer = f"use at most {rest} folds or" if rest > 1 else "use"
        yield (
            f"folds.n: {folds['n']} folds of {rest} scans, which is what phantom.scans {scans}"
            f" leaves to train on; {fewer} more scans"
        )
