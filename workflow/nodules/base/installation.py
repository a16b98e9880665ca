"""Where this checkout and its results lie, as far as Snakemake and Python care.

Runs while the Snakefile is read, so it imports nothing heavy.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from nodules.base.files import UserError
from nodules.base.messages import escaped

# Characters that a checkout's path cannot hold, and why.
REFUSED = {
    "{": "Snakemake reads the braces in its path as wildcards",
    "}": "Snakemake reads the braces in its path as wildcards",
    ":": "Python's search path, on which every job finds the library, is divided at colons",
}


def image(root: Path, methods: Collection[object]) -> str | None:
    """The container image of a checkout, or None where its path cannot be an image's name.

    methods: of software deployment, as Snakemake has them; each is known by its name.
    Raises UserError for a checkout that no job could run from, and where containers are asked for
    and the image cannot be named.
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
    """The config that a folder of results was made with; empty where it does not say."""
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
    """Raise UserError where a folder of results has no tables that figures could be drawn from."""
    tables = results / "evaluation"
    if not any(tables.glob("*.parquet")):
        raise UserError(
            f"{tables}: holds no tables, and `snakemake figures` only draws what a finished run "
            "has stored. Run the workflow first (make run), or copy a finished run's results here."
        )
