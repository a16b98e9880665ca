"""What a run was made with: versions, commit, data, and the time and memory of every rule."""

import hashlib
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

PACKAGES = (
    "snakemake",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "SimpleITK",
    "opencv-python-headless",
    "connected-components-3d",
    "fill-voids",
    "pylidc",
    "torch",
    "torchvision",
    "matplotlib",
)


def versions() -> dict[str, str]:
    """Versions of Python, the system and the packages that this environment holds."""
    found = {"Python": platform.python_version(), "system": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not in the environment that made this page"
    return found


def commit(folder: Path) -> str:
    """Git commit of the code, with a word when files differ from it; a sentence where none."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = bool(git("status", "--porcelain", "--untracked-files=no"))
        return git("rev-parse", "HEAD") + (", with uncommitted changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "not known: the code is not in a git checkout"


def data_hash(scans: pd.DataFrame) -> str:
    """One SHA-256 for all scans used: over the sorted lines `UID hash-of-voxels`."""
    used = scans[scans["status"] == "ok"]
    lines = sorted(
        f"{uid} {sha}" for uid, sha in zip(used["seriesuid"], used["sha256"], strict=True)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def costs(benchmarks: Iterable[Path]) -> pd.DataFrame:
    """Jobs, time and peak memory of each rule, from Snakemake's benchmark files.

    benchmarks: files `benchmarks/<rule>/<wildcards>.tsv` or `benchmarks/<rule>.tsv`.
    Returns one row a rule, the longest in all first: rule, jobs, total_s, longest_s (wall clock),
    cpu_s, peak_mb (largest resident set of a job). Very short jobs have no memory measured: NaN.
    """
    rows = []
    for path in benchmarks:
        measured = pd.read_csv(path, sep="\t", na_values="-").iloc[-1]
        rule = path.stem if path.parent.name == "benchmarks" else path.parent.name
        rows.append((rule, measured["s"], measured["cpu_time"], measured["max_rss"]))
    jobs = pd.DataFrame(rows, columns=["rule", "s", "cpu", "rss"])
    return (
        jobs.groupby("rule")
        .agg(
            jobs=("s", "size"),
            total_s=("s", "sum"),
            longest_s=("s", "max"),
            cpu_s=("cpu", "sum"),
            peak_mb=("rss", "max"),
        )
        .sort_values("total_s", ascending=False)
        .reset_index()
    )


def steps(folder: Path, rules: Mapping[str, tuple[str, str]], parts: Sequence[str]) -> pd.DataFrame:
    """Time and peak memory of the jobs of some rules: model, step, part, seconds, peak_mb.

    folder: of the benchmark files `<rule>/<part>.tsv`; rules: model and step of each rule. A job
    without a benchmark file has no row.
    """
    rows = []
    for rule, (model, step) in rules.items():
        for part in parts:
            path = folder / rule / f"{part}.tsv"
            if path.exists():
                measured = pd.read_csv(path, sep="\t", na_values="-").iloc[-1]
                rows.append((model, step, part, float(measured["s"]), float(measured["max_rss"])))
    return pd.DataFrame(rows, columns=["model", "step", "part", "seconds", "peak_mb"])
