"""The conda environments and the lock files hold what the rules need, in the same versions.

No conda channel is asked. Instead each script's imports are followed through the library, wherever
they stand (a function's own imports count too: the rule may come to need them), and must all be
in the environment that the rule names.
"""

import re
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.sources import ROOT, Rule, all_rules, locked, pinned, rules_in
from nodules.base import closure

ENVS = sorted((ROOT / "envs").glob("*.yaml"))
LOCKS = [ROOT / "requirements.txt", ROOT / "requirements-dev.txt"]
PROJECT_FILE = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = PROJECT_FILE["project"], PROJECT_FILE["dependency-groups"]
OPTIONAL = PROJECT["optional-dependencies"]
# conda-forge names that differ from PyPI's
CONDA_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch"}


# Of each module the distributions it may come from: to ask takes a third of a second.
providers = cache(packages_distributions)


@cache
def packages(env: Path) -> dict[str, str]:
    """PyPI name -> version of everything that an environment file lists."""
    found = {}
    for entry in yaml.safe_load(env.read_text())["dependencies"]:
        for line in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, _, version = re.sub("=+", "=", line).partition("=")
            found[canonicalize_name(CONDA_NAMES.get(name, name))] = version
    return found


def missing(rule: Rule) -> set[str]:
    """Modules that a rule's script reaches and the rule's environment lacks."""
    present, provider = packages(rule.path("conda")), providers()

    def provided(module: str) -> bool:
        return any(canonicalize_name(name) in present for name in provider.get(module, []))

    script = rule.path("script")
    code = "\n".join(path.read_text() for path in [script, *closure.library_closure(script)])
    read = set(re.findall(r"""find_spec\(["'](\w+)["']\)""", code))
    return {module for module in closure.third_party(script) | read if not provided(module)}


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_environment_has_all_that_the_rule_imports(rule: Rule) -> None:
    assert missing(rule) == set(), f"add to {rule.path('conda').name}"


def rule_in(folder: Path, script: str) -> Rule:
    """A rule `crop_scan` with the given script, in an environment with numpy and nothing else."""
    (folder / "crop_scan.py").write_text(script)
    (folder / "numpy.yaml").write_text("dependencies:\n  - python=3.11\n  - numpy=2.4.6\n")
    (folder / "slices.smk").write_text(
        "rule crop_scan:\n"
        "    input:\n"
        '        "a.npy",\n'
        "    conda:\n"
        '        "numpy.yaml"\n'
        "    script:\n"
        '        "crop_scan.py"\n'
    )
    (rule,) = rules_in(folder / "slices.smk")
    return rule


def test_a_missing_package_is_found(tmp_path: Path) -> None:
    rule = rule_in(tmp_path, "import json\nimport numpy as np\nimport torch\n")
    assert missing(rule) == {"torch"}


def test_a_package_imported_inside_a_function_is_found(tmp_path: Path) -> None:
    rule = rule_in(tmp_path, "def area():\n    from skimage.measure import regionprops\n")
    assert missing(rule) == {"skimage"}


def test_a_package_that_only_the_library_imports_is_found(tmp_path: Path) -> None:
    assert "pandas" in missing(rule_in(tmp_path, "from nodules.base import tables\n"))


def test_a_package_of_which_only_the_files_are_read_is_found(tmp_path: Path) -> None:
    script = 'from importlib.util import find_spec\nprint(find_spec("pylidc"))\n'
    assert missing(rule_in(tmp_path, script)) == {"pylidc"}


def test_a_complete_environment_passes(tmp_path: Path) -> None:
    assert missing(rule_in(tmp_path, "import pathlib\nimport numpy.linalg\n")) == set()


@pytest.mark.parametrize("env", ENVS, ids=lambda env: env.stem)
def test_environment_has_the_locked_versions(env: Path) -> None:
    content = packages(env)
    content.pop("pip", None)
    here = {
        "python_full_version": content["python"] + ".0",
        "python_version": content.pop("python"),
    }
    lock = {
        canonicalize_name(r.name): pinned(r)
        for r in locked(LOCKS[0])
        if r.marker is None or r.marker.evaluate(here)
    }
    assert content == {name: lock.get(name) for name in content}


@pytest.mark.parametrize("env", ENVS, ids=lambda env: env.stem)
def test_environment_comes_from_conda_forge_alone(env: Path) -> None:
    assert yaml.safe_load(env.read_text())["channels"] == ["conda-forge", "nodefaults"]


def test_every_environment_is_used() -> None:
    assert {rule.path("conda") for rule in all_rules()} == set(ENVS)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_lock_pins_and_hashes_everything_and_names_no_host(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^--?(index|extra|find|trusted|i|f)\b", text, re.MULTILINE)
    entries = re.split(r"\n(?=[A-Za-z0-9])", text)[1:]
    assert len(entries) == len(locked(lock))
    assert [e.split()[0] for e in entries if "--hash=sha256:" not in e] == []
    assert all(pinned(requirement) for requirement in locked(lock))


def test_both_locks_hold_the_same_versions() -> None:
    run, dev = ({str(r) for r in locked(lock)} for lock in LOCKS)
    assert run <= dev


def test_locks_fulfil_the_project_file() -> None:
    run, dev = ({canonicalize_name(r.name): r for r in locked(lock)} for lock in LOCKS)
    wanted = [(r, run) for r in [*asked("workflow"), *map(Requirement, GROUPS["build"])]]
    wanted += [(r, dev) for r in [*asked("test"), *asked("lint")]]
    for requirement, lock in wanted:
        version = pinned(lock[canonicalize_name(requirement.name)])
        assert requirement.specifier.contains(version), f"{requirement}: {version}; make lock"


def asked(*extras: str) -> list[Requirement]:
    """What the project file asks for with some extras, an extra of an extra included."""
    found = []
    queue = [*PROJECT["dependencies"], *(r for e in extras for r in OPTIONAL[e])]
    for requirement in map(Requirement, queue):
        if requirement.name == PROJECT["name"]:
            found += asked(*requirement.extras)
        else:
            found.append(requirement)
    return found


def unprovided(modules: set[str], *extras: str) -> set[str]:
    """Modules that no package of an installation with some extras gives by its own name."""
    names = {canonicalize_name(requirement.name) for requirement in asked(*extras)}
    provider = providers()
    return {m for m in modules if not names & set(map(canonicalize_name, provider.get(m, [])))}


def test_the_light_installation_has_what_the_command_imports() -> None:
    door = closure.third_party(closure.LIBRARY / "cli/main.py")
    # LIDC is read and lungs are looked for where all of these are; tests/install tries it without.
    whole = {"cv2", "fill_voids", "scipy"}
    networks = {"highdicom", "torch"}  # of `luna16 predict`, which has an extra of its own
    assert unprovided(door, "convert", "figures") == whole | networks
    assert unprovided(door) == {"SimpleITK", "matplotlib", "pydicom", *whole, *networks}
    assert unprovided(closure.third_party(closure.LIBRARY / "cli/predict.py"), "predict") == set()
    few = {"connected-components-3d", "isal", "numpy", "pandas", "pyarrow", "tqdm"}
    assert {r.name for r in asked()} == few


def test_the_whole_installation_has_what_the_library_imports() -> None:
    library = {m for path in closure.LIBRARY.rglob("*.py") for m in closure.third_party(path)}
    assert "torch" in library
    assert unprovided(library | {"snakemake", "pylidc"}, "workflow") == set()
