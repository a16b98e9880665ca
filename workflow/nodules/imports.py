"""Which files of the library, and which third-party modules, a script depends on."""

import ast
import sys
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).parent

# Reading and writing files decides nothing about a result's content: a wrong schema raises.
# So an edit there does not make every trained network stale.
INFRASTRUCTURE = frozenset(
    {"__init__", "columns", "files", "jobs", "radiomics_columns", "result_columns", "tables"}
)


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names of the modules that a file imports anywhere, function bodies included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def library_closure(script: Path) -> list[Path]:
    """Files of the library that a script reaches through its imports, sorted; not the script."""
    found: set[Path] = set()
    queue = [script]
    while queue:
        for name in imported(queue.pop()):
            parts = name.split(".")
            path = LIBRARY.joinpath(*parts[1:]).with_suffix(".py") if len(parts) > 1 else LIBRARY
            if parts[0] == "nodules" and path.is_file() and path not in found:
                found.add(path)
                queue.append(path)
    return sorted(found)


def result_code(script: Path) -> list[Path]:
    """The part of the closure whose edits make the script's results stale."""
    return [path for path in library_closure(script) if path.stem not in INFRASTRUCTURE]


def third_party(script: Path) -> set[str]:
    """Top-level names of the modules outside Python and the library in a script's closure."""
    files = [script, *library_closure(script)]
    names = {name.split(".")[0] for path in files for name in imported(path)}
    return names - sys.stdlib_module_names - {"nodules", "snakemake"}
