"""The walls between the library's rooms: which room may import which, and which stay free of torch.

An import is a retraining (see `nodules.base.closure`), so a new arrow between rooms is a decision:
change the table below only together with docs/rooms.svg (`make picture`).
"""

import shutil
from pathlib import Path

import pytest

from nodules.base import closure

GROUND = ("base", "stats", "images")
BELOW = (*GROUND, "datasets", "prepare", "findings")
# What each room may import beside itself: rooms, or parts of one.
MAY_IMPORT = {
    "base": (),
    "stats": (),
    "images": ("base",),
    "datasets": GROUND,
    "prepare": ("base", "images", "datasets"),
    "findings": (*GROUND, "datasets", "prepare"),
    "learning": BELOW,
    "inference": (*GROUND, "prepare", "findings", "learning/machine.py", "learning/networks"),
    "evaluation": BELOW,
    "report": (*BELOW, "inference", "evaluation"),
    "cli": (*BELOW, "learning", "inference", "evaluation", "report"),
    "__main__.py": ("cli",),
    # The one function that the library offers by its own name, loaded when it is called.
    "__init__.py": ("findings", "inference"),
}
WITHOUT_TORCH = (*BELOW, "evaluation")
TORCH = {"torch", "torchvision", "captum"}


def modules() -> list[Path]:
    """Every file of the library."""
    return sorted(closure.LIBRARY.rglob("*.py"))


def inside(path: Path) -> Path:
    """A file's place in the library; its first part is its room."""
    return path.relative_to(closure.LIBRARY)


def through_walls() -> list[str]:
    """Each import that the table does not allow, as `importing file -> imported file`."""
    return [
        f"{inside(module)} -> {inside(other)}"
        for module in modules()
        for other in sorted(closure.modules_in(module))
        if not any(
            inside(other).is_relative_to(room)
            for room in (inside(module).parts[0], *MAY_IMPORT[inside(module).parts[0]])
        )
    ]


def with_torch() -> list[str]:
    """Files of the rooms that are to do without torch and yet reach it, however deep."""
    rooms = [path for path in modules() if inside(path).parts[0] in WITHOUT_TORCH]
    return [str(inside(path)) for path in rooms if closure.third_party(path) & TORCH]


def circles() -> list[str]:
    """Files that reach themselves through their own imports."""
    return [
        str(inside(path))
        for path in modules()
        if any(path in closure.library_closure(other) for other in closure.modules_in(path))
    ]


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A copy of the library, to break walls in."""
    shutil.copytree(closure.LIBRARY, tmp_path / "nodules")
    monkeypatch.setattr(closure, "LIBRARY", tmp_path / "nodules")
    return tmp_path / "nodules"


def add(path: Path, line: str) -> None:
    """Add an import below a file's own, inside a function, where it counts as well."""
    path.write_text(f"{path.read_text()}\n\ndef added():\n    {line}\n")


def test_every_room_is_in_the_table() -> None:
    assert {inside(path).parts[0] for path in modules()} == set(MAY_IMPORT)


def test_no_import_goes_through_a_wall() -> None:
    assert through_walls() == []


def test_rooms_below_learning_and_evaluation_itself_do_without_torch() -> None:
    assert with_torch() == []


def test_imports_make_no_circle() -> None:
    assert circles() == []


def test_only_networks_are_imported_by_a_name_in_the_config() -> None:
    # Such an import is in no closure by itself: the rule hands the file to code().
    by_name = {inside(path).parts[0] for path in modules() if "import_module" in path.read_text()}
    assert by_name <= {"learning"}


@pytest.mark.parametrize(
    ("file", "line", "offence"),
    [
        ("stats/ranking.py", "from nodules.base import tables", "base/tables.py"),
        ("evaluation/froc.py", "import nodules.learning.loop", "learning/loop.py"),
        ("inference/detection.py", "from nodules.learning import loop", "learning/loop.py"),
        ("learning/loop.py", "from nodules.evaluation.froc import evaluate", "evaluation/froc.py"),
        (
            "report/plotting.py",
            "from nodules.learning.networks import unet",
            "learning/networks/unet.py",
        ),
    ],
)
def test_an_import_through_a_wall_is_named(library, file, line, offence) -> None:
    add(library / file, line)
    assert through_walls() == [f"{file} -> {offence}"]


def test_torch_in_a_room_without_it_is_named(library) -> None:
    add(library / "evaluation/sets.py", "import torch.nn")
    assert "evaluation/sets.py" in with_torch()


def test_a_circle_is_named(library) -> None:
    add(library / "stats/seeds.py", "from nodules.stats import logits")
    add(library / "stats/logits.py", "from nodules.stats import seeds")
    assert circles() == ["stats/logits.py", "stats/seeds.py"]
