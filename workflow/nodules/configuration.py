"""The configuration checked against its schema, with messages that say what to change."""

import difflib
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


def check(config: Mapping[str, Any]) -> None:
    """Raise UserError naming every key that is unknown, missing, of a wrong type or impossible."""
    validator = Draft202012Validator(schema())
    problems = [line for error in validator.iter_errors(dict(config)) for line in _explain(error)]
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


def _explain(error: ValidationError) -> Iterator[str]:
    place = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for name in sorted(set(error.instance) - set(known)):
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}"
            yield f"unknown key '{f'{place}.' if place else ''}{name}': {hint}"
    elif error.validator == "type" and isinstance(error.instance, str) and _is_number(error):
        yield (
            f"{place}: YAML reads '{error.instance}' as text; write the number with a decimal"
            f" point and no bare exponent, such as 0.001 or 1.0e-3"
        )
    else:
        yield f"{place or 'top level'}: {error.message}"


def _is_number(error: ValidationError) -> bool:
    try:
        float(error.instance)
    except ValueError:
        return False
    return error.validator_value in ("number", "integer")


def _contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    low, high = config["slices"]["window"]
    if low >= high:
        yield f"slices.window: {low} HU must lie below {high} HU"
    fewest, most = config["phantom"]["slices"]
    if fewest > most:
        yield f"phantom.slices: {fewest} must not exceed {most}"
    step = 2 ** (config["unet"]["depth"] - 1)
    if config["slices"]["size"] % step:
        yield f"slices.size: must be a multiple of {step} for unet.depth {config['unet']['depth']}"
    if config["data"]["source"] == "luna16" and not config["luna16_dir"]:
        yield (
            "luna16_dir: name the folder that holds subset0 .. subset9, for example"
            " --config luna16_dir=/data/LUNA16"
        )
