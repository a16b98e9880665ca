"""Provenance of a run: versions, commit and data."""

import hashlib
import platform
import subprocess
from collections.abc import Sequence
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


def versions(packages: Sequence[str] | None = None) -> dict[str, str]:
    """Versions of Python, the system and some packages (default PACKAGES) in this environment."""
    found = {"Python": platform.python_version(), "system": platform.platform()}
    for name in PACKAGES if packages is None else packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not in the environment that made this page"
    return found


def commit(folder: Path, digits: int = 40) -> str:
    """Git commit of the code, marked if files differ from it; outside a checkout, a note."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = bool(git("status", "--porcelain", "--untracked-files=no"))
        own = git("rev-parse", f"--short={digits}", "HEAD")
        return own + (", with uncommitted changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "not known: the code is not in a git checkout"


def data_hash(scans: pd.DataFrame) -> str:
    """SHA-256 of the sorted lines `UID hash-of-voxels` of all usable scans (status ok)."""
    used = scans[scans["status"] == "ok"]
    lines = sorted(
        f"{uid} {sha}" for uid, sha in zip(used["seriesuid"], used["sha256"], strict=True)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
