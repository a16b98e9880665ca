"""The catalogue is complete, light, and the only place where a name is spelled."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.sources import ROOT, all_rules
from nodules.base import tables
from nodules.evaluation import names, pairs

KINDS = {
    "sets": names.SETS,
    "networks": names.NETWORKS,
    "systems": names.SYSTEMS,
    "malignancy": names.MALIGNANCY,
    "reducers": names.REDUCERS,
    "masks": names.MASKS,
}
ENTRIES = [entry for kind in KINDS.values() for entry in kind.values()]
SYSTEMS = [*names.SYSTEMS.values(), *names.MALIGNANCY.values(), *names.REDUCERS.values()]
CATALOGUE = ROOT / "workflow/nodules/evaluation/names.py"
# The columns' meanings and what a job does stand in `base`, which imports nothing.
BASE = ROOT / "workflow/nodules/base"
ELSEWHERE = [CATALOGUE, BASE / "steps.py", *BASE.glob("columns*.py")]
FILES = {*ROOT.glob("workflow/nodules/**/*.py"), *ROOT.glob("workflow/scripts/*.py")}
# Titles of works that are cited spell names of their own.
CITED = ROOT / "workflow/nodules/report/pages/references.py"
CODE = sorted(FILES - {*ELSEWHERE, CITED})


def displayed() -> set[str]:
    """What is shown of entries, without words that are keys as well."""
    fields = ("name", "short", "said")
    shown = {str(getattr(entry, f)) for entry in ENTRIES for f in fields if hasattr(entry, f)}
    return shown - {entry.key for entry in ENTRIES}


def spelled(text: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string of a module that is no docstring, f-strings piece by piece."""
    tree = ast.parse(text)
    statements = (node for node in ast.walk(tree) if isinstance(node, ast.Expr))
    docs = [node.value for node in statements]  # a string that stands alone
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs:
            yield node.lineno, node.value


def names_in(text: str) -> list[str]:
    """Places of a module that spell a displayed name; "nnU-Net" spells none."""
    known = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, displayed()))})")
    return [f"{line}: {found}" for line, found in spelled(text) if known.search(found)]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT / "workflow")))
def test_no_other_file_spells_a_name(path: Path) -> None:
    assert names_in(path.read_text()) == []


def test_a_name_is_found_wherever_it_is_spelled() -> None:
    assert names_in('"""On the U-Net."""\nx = f"{y} of the U-Net"\n') == ["2:  of the U-Net"]
    assert names_in('SETS = {"out": "cross-validation"}') == ["1: cross-validation"]
    assert names_in('x = {"unet": 1, "diameter": 2}') == []


@pytest.mark.parametrize("kind", KINDS)
def test_keys_and_names_are_unique(kind: str) -> None:
    entries = KINDS[kind]
    assert [entry.key for entry in entries.values()] == list(entries)
    assert len({entry.name for entry in entries.values()}) == len(entries)


def test_pairs_are_of_entries() -> None:
    for shown, entries in (
        (pairs.SYSTEM_PAIRS, names.SYSTEMS),
        (pairs.MALIGNANCY_PAIRS, names.MALIGNANCY),
        (pairs.MASK_PAIRS, names.MASKS),
    ):
        for pair in shown:
            assert set(pair.keys) <= set(entries)
            assert pair.key == f"{pair.first}_minus_{pair.second}"


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.key)
def test_systems_name_networks_and_tables_that_exist(system: names.System) -> None:
    assert set(system.networks) <= set(names.NETWORKS)
    for source in filter(None, (system.scores, system.slices)):
        assert "{part}" in source.path
        # Malignancy is ranked by the diameter too, which stands with the labels.
        assert source.score in {*tables.columns(source.table), "diameter_mm"}


def test_networks_name_rules_that_exist() -> None:
    rules = {rule.name for rule in all_rules()}
    for network in names.NETWORKS.values():
        assert {network.train, network.apply} <= rules


def test_sets_and_folds_have_names() -> None:
    assert names.set_name("test") == names.SETS["test"].name
    assert names.set_name("fold_3") == "fold 3"


def test_the_snakefile_reads_it_in_no_time() -> None:
    heavy = "{'numpy', 'pandas', 'pyarrow', 'torch', 'matplotlib'}"
    code = f"import sys, nodules.evaluation.runs; print({heavy} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    environment = {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
