"""`pip install .` in a fresh environment: the command `luna16`, small, quick and without PyTorch.

It takes about 20 s and an index of packages, or a cache of them; where there is none, it is skipped
and the summary says so.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.luna16_folder import HEAD, write_folder

MOST_MB = 400
OWN_TOOLS = ("pip", "setuptools", "pkg_resources")  # what a fresh environment holds by itself
MARKS = "seriesuid,coordX,coordY,coordZ,probability\n2.25.1,-1,0,0,0.9\n2.25.3,9,9,9,0.1\n"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, without what the tests' own environment would lend it."""
    lent = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {name: text for name, text in os.environ.items() if name not in lent}
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True
    )


def sources(repository: Path, folder: Path) -> Path:
    """A copy of what a package is built from, so that building leaves nothing in the repository."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        folder.mkdir(exist_ok=True)
        shutil.copy(repository / name, folder)
    left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(repository / "workflow/nodules", folder / "workflow/nodules", ignore=left_out)
    return folder


@pytest.fixture(scope="module")
def installed(repository, tmp_path_factory):
    """The folder `bin` of a fresh environment with the light installation."""
    folder = tmp_path_factory.mktemp("light")
    run(folder, sys.executable, "-m", "venv", "venv")
    pip = [folder / "venv/bin/python", "-m", "pip", "--disable-pip-version-check"]
    # setuptools is what building asks of the index first, and small.
    asked = run(folder, *pip, "download", "--no-deps", "--dest", "asked", "setuptools>=77")
    if asked.returncode:
        reason = "THE LIGHT INSTALLATION WAS NOT TRIED, no package index was reached: "
        pytest.skip(reason + asked.stderr.strip().splitlines()[-1])
    made = run(folder, *pip, "install", "--quiet", sources(repository, folder / "sources"))
    assert made.returncode == 0, made.stderr
    return folder / "venv/bin"


def test_it_is_small_and_without_pytorch(installed):
    (packages,) = installed.parent.glob("lib/python*/site-packages")
    files = [path for path in packages.rglob("*") if path.is_file()]
    own = [p for p in files if not p.relative_to(packages).parts[0].startswith(OWN_TOOLS)]
    size = sum(path.stat().st_size for path in own) / 1e6
    assert 50 < size < MOST_MB, f"{size:.0f} MB"
    heavy = {"torch", "torchvision", "scipy", "cv2", "matplotlib", "snakemake"}
    assert not heavy & {path.name for path in packages.iterdir()}
    assert (packages / "nodules/evaluation/statements/words.py").is_file()
    assert (packages / "nodules/datasets/lidc_sample.csv").is_file()


def test_help_is_there_at_once_and_loads_no_tables(installed, tmp_path):
    code = "import sys; from nodules.cli import main; print(*sys.modules)"
    loaded = run(tmp_path, installed / "python", "-c", code)
    assert not {"pandas", "pyarrow"} & set(loaded.stdout.split()), loaded.stderr
    told = run(tmp_path, installed / "luna16", "--help")
    assert told.returncode == 0 and {"score", "check", "download"} <= set(
        re.findall(r"\w+", told.stdout)
    )


def test_it_checks_a_folder_and_scores_a_submission(installed, tmp_path):
    folder = write_folder(tmp_path)
    checked = run(tmp_path, installed / "luna16", "check", folder)
    assert checked.returncode == 0, checked.stderr
    assert "3 scans, 0 of them unusable" in checked.stdout
    assert "note: lungs were not looked for" in checked.stdout
    (folder / "marks.csv").write_text(MARKS)
    (folder / "nodules.csv").write_text(HEAD + "2.25.1,-1,0,0,5\n")
    score = [installed / "luna16", "score", "marks.csv", "--annotations", "nodules.csv"]
    score += ["--excluded", "annotations_excluded.csv", "--scans", "seriesuids.csv"]
    scored = run(folder, *score, "--json", "score.json")
    assert (scored.returncode, scored.stderr) == (0, "")
    assert re.search(r" 1  nodules hit \(TP\)", scored.stdout)
    assert (folder / "score.json").is_file()
    converted = run(folder, installed / "luna16", "convert", ".", "--list")
    assert converted.returncode == 2
    assert re.match(r"luna16: luna16 convert needs \w+\. Install it: pip", converted.stderr)
    drawn = run(folder, *score, "--figure", "froc.svg")
    assert drawn.returncode == 2
    told = "luna16: --figure needs matplotlib. Install it: pip install matplotlib\n"
    assert drawn.stderr == told
