# What every rule file shares: the library's place, the scans of this run, and input functions.
import os
import sys
from pathlib import Path

from snakemake.utils import validate

ROOT = Path(workflow.basedir)
# `script:` puts workflow/scripts on the import path; this makes `import nodules` work everywhere.
os.environ["PYTHONPATH"] = str(ROOT / "workflow")
sys.path.insert(0, str(ROOT / "workflow"))

from nodules import configuration, discovery, imports

configuration.check(config)


wildcard_constraints:
    uid=r"[0-9.]+",
    fold=r"\d+",
    part=r"fold_\d+|test",


FOLDS = range(10 if config["folds"]["scheme"] == "official" else config["folds"]["n"])
HELD_OUT = config["folds"]["test_subset"] if config["folds"]["scheme"] == "kfold" else None
PHANTOM = config["data"]["source"] == "phantom"
DATA = "results/phantom" if PHANTOM else config["luna16_dir"]
FOUND = discovery.planned(DATA, config) if PHANTOM else discovery.found(DATA)
PARTS = [f"fold_{k}" for k in FOLDS] + ([] if HELD_OUT is None else ["test"])


def code(script):
    """Library files that a script's result depends on: an edit there reruns the rule."""
    return [str(p) for p in imports.result_code(ROOT / f"workflow/scripts/{script}.py")]


def scans(wildcards=None):
    """UIDs of the scans of this run: all that were found, or those that passed the check."""
    if config["data"]["on_bad_scan"] == "stop":
        return [scan.uid for scan in FOUND]
    from nodules import tables

    sheet = tables.read(checkpoints.check_scans.get().output.scans, "scans")
    return list(sheet.loc[sheet["status"] == "ok", "seriesuid"])


def subset_of(uid):
    """LUNA16 subset of a scan, from its folder."""
    return SUBSETS[uid]


SUBSETS = {scan.uid: scan.subset for scan in FOUND}
FILES = {scan.uid: scan for scan in FOUND}


def scans_of(part, wildcards=None):
    """UIDs that a part's jobs may touch: the held-out subset, or everything else."""
    held_out = part == "test"
    return [u for u in scans(wildcards) if (subset_of(u) == HELD_OUT) == held_out]


def stacks(part):
    """Input function: slice stacks and their tables, and masks, of a part's scans."""

    def files(wildcards):
        name = part.format(**wildcards) if "{" in part else part
        return [
            path.format(uid=uid)
            for uid in scans_of(name, wildcards)
            for path in (
                "results/slices/{uid}.npy",
                "results/slices/{uid}.parquet",
                "results/masks/{uid}.parquet",
            )
        ]

    return files


def checkpoints_unseen(model):
    """Input function: the networks that have not seen a part's scans.

    For the scans that fold k leaves out: fold k's; for the held-out subset: every fold's.
    """

    def files(wildcards):
        folds = FOLDS if wildcards.part == "test" else [wildcards.part.removeprefix("fold_")]
        return [f"results/models/{model}/fold_{k}/model.pt" for k in folds]

    return files
