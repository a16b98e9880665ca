"""Folders with odd names, data laid out as archives unpack it, and how a check is stopped."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.luna16_folder import write_folder

LIBRARY = {"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "workflow")}
PARTS = ("Snakefile", "config", "profiles", "workflow", "envs")


def checkout(repository: Path, folder: Path) -> Path:
    """The parts of a checkout that Snakemake needs, in a folder of any name."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source = repository / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    return folder


def snakemake(folder: Path, *arguments: str, **options) -> tuple[int, str]:
    """Run Snakemake in a folder as a person would; gives the exit status and what it printed."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    done = subprocess.run(
        command, capture_output=True, cwd=folder, check=False, timeout=120, **options
    )
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


@pytest.mark.workflow
@pytest.mark.parametrize("name", ["My Drive", 'a\'b "c" $(d) & ü [x]*'])
def test_a_job_runs_from_a_checkout_in_a_folder_with_blanks(repository, tmp_path, name):
    folder = checkout(repository, tmp_path / name / "luna16 nodules")
    status, output = snakemake(folder, "--", "results/config.yaml")
    assert status == 0, output[-2000:]
    assert (folder / "results/config.yaml").is_file()


@pytest.mark.workflow
@pytest.mark.parametrize(("name", "why"), [("a{b}", "wildcards"), ("a:b", "divided at colons")])
def test_a_checkout_that_cannot_work_is_refused_in_one_sentence(repository, tmp_path, name, why):
    status, output = snakemake(checkout(repository, tmp_path / name), "--dry-run")
    assert status != 0
    (told,) = [line for line in output.splitlines() if "cannot hold the checkout" in line]
    assert told.startswith(str(tmp_path / name)) and why in told and told.endswith("Rename it.")


@pytest.mark.workflow
def test_containers_from_a_folder_with_a_blank_are_refused_in_one_sentence(repository, tmp_path):
    folder = checkout(repository, tmp_path / "My Drive")
    status, output = snakemake(folder, "--dry-run", "--sdm", "apptainer")
    assert status != 0 and "starts no container from a folder with a blank in its path" in output


@pytest.mark.workflow
def test_scans_and_lists_are_planned_where_archives_unpack_them(repository, tmp_path):
    folder = tmp_path / "My LUNA16"
    folder.mkdir()
    write_folder(folder)
    (folder / "CSVFILES").mkdir()
    for path in list(folder.glob("*.csv")):
        path.rename(folder / "CSVFILES" / path.name)
    (folder / "subset4").rename(folder / "Subset04")
    (folder / "subset0").rename(folder / "x")
    (folder / "subset0").mkdir()
    (folder / "x").rename(folder / "subset0/subset0")
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        f'luna16_dir: "{folder}"\ndata: {{source: luna16}}\nfolds: {{n: 2, test_subset: 4}}\n'
    )
    arguments = ["--snakefile", str(repository / "Snakefile"), "--configfile", str(overlay)]
    status, output = snakemake(
        tmp_path, *arguments, "--dry-run", "--", "results/folds/folds.parquet"
    )
    assert status == 0, output[-2000:]
    for place in ("CSVFILES/annotations.csv", "Subset04/2.25.3.mhd", "subset0/subset0/2.25.1.mhd"):
        assert f"{folder}/{place}" in output
    assert f"{folder}/CSVFILES/patients.csv" in output


LOCALES = {
    "ASCII": {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    "C without UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "UTF-8": {"LC_ALL": "C.UTF-8"},
}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", [b"a\xffb", "\u00fc \u00df".encode()])
def test_any_name_is_told_on_any_terminal(tmp_path, locale, name):
    """Folders and files whose names are no UTF-8; the check says one line of each, and ends."""
    (tmp_path / "plain").mkdir()
    folder = tmp_path / os.fsdecode(name)
    write_folder(tmp_path / "plain").rename(folder)
    for file in (b"subset0/x\xfe.nii.gz", b"subset0/2.25.8\xfe.mhd"):
        (folder / os.fsdecode(file)).touch()
    for sub in (b"sub\xfe", b"subset4/\xfe"):
        (folder / os.fsdecode(sub)).mkdir()
    done = checked(folder, LOCALES[locale])
    assert done.returncode == 1 and done.stderr == b"", done.stderr
    out = done.stdout.decode()
    assert out.count("error: ") == 1 and "the file's name is not a series UID" in out
    assert "4 scans, 1 of them unusable" in out


def checked(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Run `luna16 check` in a process of its own."""
    command = [sys.executable, "-m", "nodules", "check", os.fsencode(folder)]
    return subprocess.run(
        command,
        capture_output=True,
        check=False,
        env=os.environ | LIBRARY | environment,
        timeout=60,
    )


def test_a_check_that_is_stopped_says_so_in_one_line(tmp_path):
    folder = write_folder(tmp_path)
    source = folder / "subset0/2.25.2.mhd"
    # Scans enough for a second; the signal comes while they are read.
    for number in range(4000):
        text = source.read_text()
        (folder / f"subset0/2.26.{number}.mhd").write_text(text)
    command = [sys.executable, "-m", "nodules", "check", str(folder)]
    pipe, environment = subprocess.PIPE, os.environ | LIBRARY
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment) as process:
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (
        130,
        b"luna16: interrupted; no file was left half written.\n",
    )
