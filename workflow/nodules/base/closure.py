"""Library files and third-party modules that a script depends on.

An import can mean a retraining: a rule's `code=` lists every library file that its script imports,
directly or not, and an edit of any of them makes the rule's results stale. Files in `base` are
left out, since they do not affect a result's content (a wrong schema or path raises).
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).parents[1]
BASE = LIBRARY / "base"


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names of the modules that a file imports anywhere, function bodies included."""
    names: set[str] = set()
    for node in _statements(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node; no import is in an expression, and most nodes are in one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from _statements(child)


def modules_in(path: Path) -> Iterator[Path]:
    """Files of the library that a file imports directly."""
    for name in imported(path):
        if name.startswith("nodules."):
            module = Path(f"{LIBRARY}/{name.removeprefix('nodules.').replace('.', '/')}.py")
            if module.is_file():
                yield module


def library_closure(script: Path, chosen: Iterable[Path] = ()) -> list[Path]:
    """Library files that a script imports, directly or not, sorted; the script is not among them.

    chosen: library files that the script imports by a name from the config; their imports count
    as well.
    """
    found = set(chosen)
    queue = [script, *found]
    while queue:
        new = set(modules_in(queue.pop())) - found
        found |= new
        queue += new
    return sorted(found)


def result_code(script: Path, chosen: Iterable[Path] = ()) -> list[Path]:
    """Files of the closure outside `base`: an edit of one makes the script's results stale."""
    return [path for path in library_closure(script, chosen) if BASE not in path.parents]


def third_party(script: Path, chosen: Iterable[Path] = ()) -> set[str]:
    """Top-level names of the third-party modules that a script and its closure import."""
    files = [script, *library_closure(script, chosen)]
    names = {name.split(".")[0] for path in files for name in imported(path)}
    return names - sys.stdlib_module_names - {"nodules", "snakemake"}
