"""Run a rule's own script on given files, as Snakemake does, without Snakemake."""

import runpy
from pathlib import Path
from typing import Any

from helpers.luna16_folder import HEAD
from helpers.sources import ROOT
from nodules.base import tables
from nodules.datasets import lidc, luna16
from nodules.datasets.check import check_folder, require_usable
from nodules.datasets.scan import Scan
from nodules.prepare import lung_check

SLICES = {"size": 64, "window": [-1000, 400], "margin_mm": 5, "isolate": True, "fill": 170}


class Names(dict):
    """Values by name, as attributes too, as Snakemake's input, output and params are."""

    __getattr__ = dict.__getitem__


def run(rule: str, log: Path, **job: Any) -> None:
    """Run a rule's script; `job` holds input, output, params, wildcards."""
    job |= {"rule": rule, "threads": 1, "log": [str(log)]}
    # Not as "__main__": such a script ends its process (base/jobs.py), which here is the tests'.
    runpy.run_path(str(ROOT / f"workflow/scripts/{rule}.py"), {"snakemake": Names(job)}, "job")


def check(folder: Path, results: Path) -> None:
    """Check a folder of scans as rule check_scans does, and store its tables."""
    headers = [scan.header for scan in luna16.found(folder)]
    checked = check_folder(folder, headers, lidc.patients(), further=lung_check.verdicts)
    require_usable(checked, "stop")
    for name in ("scans", "defects", "nodules", "excluded", "locations"):
        tables.write(results / f"{name}.parquet", name, getattr(checked, name))


def prepare(results: Path, scan: Scan) -> None:
    """Rule prepare_slices on one scan, its tables in `results`."""
    run(
        "prepare_slices",
        results / "slices.log",
        input=Names(header=scan.header),
        output=Names(
            stack=results / f"slices/{scan.uid}.npy",
            table=results / f"slices/{scan.uid}.parquet",
            lungs=results / f"lungs/{scan.uid}.parquet",
        ),
        params=Names(lungs="volume", settings=SLICES),
        wildcards=Names(uid=scan.uid),
    )


def draw(results: Path, scan: Scan) -> None:
    """Rule draw_masks on one scan, after `prepare`."""
    names = ("scans", "nodules")
    run(
        "draw_masks",
        results / "masks.log",
        input=Names(
            **{name: results / f"{name}.parquet" for name in names},
            slices=results / f"slices/{scan.uid}.parquet",
        ),
        output=Names(masks=results / f"masks/{scan.uid}.parquet"),
        params=Names(agreement=0.5, numbered=False),
        wildcards=Names(uid=scan.uid),
    )


def lists(folder: Path, nodules: str = "") -> None:
    """LUNA16's lists, with these lines in annotations.csv."""
    (folder / "annotations.csv").write_text(HEAD + nodules)
    (folder / "annotations_excluded.csv").write_text(HEAD)
