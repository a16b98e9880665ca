"""Checks on the folders of the checkout and of its results, before any job runs.

Imported while the Snakefile is parsed, so it imports nothing heavy.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from nodules.base.files import UserError
from nodules.base.messages import escaped

# Characters that a checkout's path must not contain, and why.
REFUSED = {
    "{": "Snakemake reads the braces in its path as wildcards",
    "}": "Snakemake reads the braces in its path as wildcards",
    ":": "Python's search path, on which every job finds the library, is divided at colons",
}


def image(root: Path, methods: Collection[object]) -> str | None:
    """Path of the checkout's container image, or None if it contains whitespace.

    methods: Snakemake's software deployment methods, or their names.
    Raises UserError if no job could run from the checkout's path, or if its path contains
    whitespace and containers (apptainer) were requested.
    """
    place = escaped(str(root))
    for reason in (REFUSED[c] for c in str(root) if c in REFUSED):
        raise UserError(f"{place}: this folder cannot hold the checkout: {reason}. Rename it.")
    path = str(root / "luna16-nodules.sif")
    if not any(c.isspace() for c in path):
        return path
    if any(str(getattr(method, "name", method)).lower() == "apptainer" for method in methods):
        raise UserError(
            f"{place}: Snakemake starts no container from a folder with a blank in its path. "
            "Rename the folder, or run without --sdm apptainer."
        )
    return None


def config_of_run(results: Path) -> dict[str, Any]:
    """Config that a folder of results was made with; empty if it has no config.yaml.

    Raises UserError if config.yaml cannot be read.
    """
    try:
        return dict(yaml.safe_load((results / "config.yaml").read_text()))
    except FileNotFoundError:
        return {}
    except (OSError, TypeError, ValueError, yaml.YAMLError) as error:
        raise UserError(
            f"{results / 'config.yaml'}: cannot be read ({str(error).splitlines()[0]}). Copy it "
            "again from the run, or remove it and give the run's own --configfile."
        ) from error


def require_tables(results: Path) -> None:
    """Raise UserError if a folder of results has no evaluation tables to draw figures from."""
    tables = results / "evaluation"
    if not any(tables.glob("*.parquet")):
        raise UserError(
            f"{tables}: holds no tables, and `snakemake figures` only draws what a finished run "
            "has stored. Run the workflow first (make run), or copy a finished run's results here."
        )
