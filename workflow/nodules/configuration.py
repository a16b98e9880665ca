"""The configuration checked against its schema, with messages that say what to change."""

import difflib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from nodules.files import UserError

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"


def schema() -> dict[str, Any]:
    """The JSON schema of the configuration."""
    return yaml.safe_load(SCHEMA.read_text())


def check(config: dict[str, Any]) -> None:
    """Raise UserError naming every key that is unknown, missing, of a wrong type or impossible.

    A number or truth value given as text is put in its place first: YAML takes 1e-3 for text, and
    so does Snakemake every value within `--config section={key: value}`.
    """
    _read_text(config, schema())
    validator = Draft202012Validator(schema())
    problems = [line for error in validator.iter_errors(dict(config)) for line in _explain(error)]
    problems += _not_finite(config)
    problems = problems or list(_contradictions(config))
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise UserError(
            f"The configuration cannot be used:\n{lines}\n"
            "Every key is explained in config/README.md; defaults are in config/config.yaml."
        )


def keys(node: Mapping[str, Any] | None = None, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys that the schema knows."""
    for name, value in (schema() if node is None else node)["properties"].items():
        if "properties" in value:
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _read_text(node: dict[str, Any], rules: Mapping[str, Any]) -> None:
    """Replace text by the number or truth value that it spells, where the schema wants one."""
    for name, rule in rules["properties"].items():
        value = node.get(name)
        if isinstance(value, dict) and "properties" in rule:
            _read_text(value, rule)
        elif isinstance(value, list) and "items" in rule:
            node[name] = [_spelled(item, rule["items"].get("type")) for item in value]
        elif name in node:
            node[name] = _spelled(value, rule.get("type"))


def _spelled(value: Any, kind: str | list[str] | None) -> Any:
    """The value that a text spells, if it is of the kind wanted; else the text itself."""
    if isinstance(kind, list):  # a type, or null
        return None if value == "null" else _spelled(value, kind[0])
    if not isinstance(value, str) or kind not in ("number", "integer", "boolean"):
        return value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if kind == "integer" and number.is_integer() else number


def _not_finite(node: Any, place: str = "") -> Iterator[str]:
    """Names of numbers that are infinite or none: these pass every bound of the schema."""
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
        for name in sorted(set(error.instance) - set(known)):
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}"
            yield f"unknown key '{f'{place}.' if place else ''}{name}': {hint}"
    else:
        yield f"{place or 'top level'}: {error.message}"


def _contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    low, high = config["slices"]["window"]
    if low >= high:
        yield f"slices.window: {low} HU must lie below {high} HU"
    fewest, most = config["phantom"]["slices"]
    if fewest > most:
        yield f"phantom.slices: {fewest} must not exceed {most}"
    benign, malignant = config["malignancy"]["benign"], config["malignancy"]["malignant"]
    if benign >= malignant:
        yield f"malignancy.benign: {benign} must lie below malignancy.malignant {malignant}"
    step = 2 ** (config["unet"]["depth"] - 1)
    if config["slices"]["size"] % step:
        yield f"slices.size: must be a multiple of {step} for unet.depth {config['unet']['depth']}"
    if config["unet"]["patch"] % step or config["unet"]["patch"] > config["slices"]["size"]:
        yield (
            f"unet.patch: must be 0 or a multiple of {step}, and not exceed slices.size"
            f" {config['slices']['size']}"
        )
    yield from _of_baseline(config["baseline"], config["slices"]["size"])
    if config["data"]["source"] == "luna16" and not config["luna16_dir"]:
        yield (
            "luna16_dir: name the folder that holds subset0 .. subset9, for example"
            " --config luna16_dir=/data/LUNA16"
        )


def _of_baseline(baseline: Mapping[str, Any], size: int) -> Iterator[str]:
    levels = baseline["stages"] + 1
    if len(baseline["anchors_px"]) != levels:
        yield f"baseline.anchors_px: name {levels} sizes, one more than baseline.stages"
    if baseline["patch"] > size:
        yield f"baseline.patch: must not exceed slices.size {size}"
    if baseline["weights"] == "imagenet" and baseline["backbone"] != "resnet50":
        yield "baseline.weights: ImageNet's are those of resnet50; set baseline.backbone"
    if baseline["weights"] == "random" and baseline["trainable_layers"] < 5:
        yield "baseline.trainable_layers: must be 5 where weights are random"
