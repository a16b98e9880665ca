"""findings.json held against the schema of the repository."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator

PATH = Path(__file__).resolve().parents[2] / "workflow/schemas/findings.schema.json"


def validator() -> Draft202012Validator:
    """The schema, itself checked."""
    schema = json.loads(PATH.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def problems(details: dict) -> list[str]:
    """What does not fit, a line each."""
    return [f"{'/'.join(map(str, e.path))}: {e.message}" for e in validator().iter_errors(details)]


def problems_of(path: Path) -> list[str]:
    """The same of a file."""
    return problems(json.loads(path.read_text()))
