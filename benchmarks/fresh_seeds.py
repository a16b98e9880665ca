"""Phantom numbers on seeds that no setting was chosen on, and their spread over seeds.

PYTHONPATH=workflow python benchmarks/fresh_seeds.py --out DIR [--seeds 31 32 33 34 35] \\
    [--cores N] [--configfile FILE ...] [--keep]

Runs the workflow once for each seed as far as its table of numbers, and writes DIR/spread.csv
(every number: mean, standard deviation, least, greatest) and DIR/spread.md (the main ones). A
seed's run takes as long as a default run and 3.5 GB, which are given back unless --keep is set; a
seed that is done is not run again. Freeze the settings before looking at what comes out.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

from nodules.base import files, tables
from nodules.evaluation import seeds
from nodules.evaluation.names import SETS
from nodules.report.pages.page import cell

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (31, 32, 33, 34, 35)  # no setting was chosen on them
TARGET = "results/evaluation/metrics.parquet"
SHOWN = ("cpm", "recall", "dice", "presence_auc", "malignancy_auc")


def main() -> None:
    """Run what is missing and write the spread."""
    asked = arguments()
    found = {}
    for seed in asked.seeds:
        kept = asked.out / f"metrics_{seed}.parquet"
        if not kept.exists():
            run(seed, asked)
            tables.write(kept, "metrics", tables.read(folder(seed, asked) / TARGET, "metrics"))
        if not asked.keep:
            shutil.rmtree(folder(seed, asked), ignore_errors=True)
        found[seed] = tables.read(kept, "metrics")
    table = seeds.spread(found)
    files.write_text(asked.out / "spread.csv", table.to_csv(index=False))
    text = markdown(table, asked.seeds)
    files.write_text(asked.out / "spread.md", text)
    print(text)


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--cores", default="all")
    parser.add_argument("--configfile", type=Path, nargs="*", default=[])
    parser.add_argument("--keep", action="store_true", help="keep the runs' results")
    return parser.parse_args()


def folder(seed: int, asked: argparse.Namespace) -> Path:
    """Where a seed is run."""
    return asked.out / f"seed_{seed}"


def run(seed: int, asked: argparse.Namespace) -> None:
    """The workflow as far as the table of numbers, in a folder of its own."""
    place = folder(seed, asked)
    place.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(place), "--cores", asked.cores, "--resources", "gpu=1"]
    command += ["--quiet", "all"]
    if asked.configfile:
        command += ["--configfile", *(str(path.resolve()) for path in asked.configfile)]
    subprocess.run([*command, "--config", f"seed={seed}", "--", TARGET], check=True)


def markdown(table: pd.DataFrame, seeds_run: list[int]) -> str:
    """The main numbers as a table to paste."""
    shown = table[
        table["measure"].isin(SHOWN)
        & table["set"].isin(SETS)
        & table["point"].isin(["", "all"])
        & (table["group"] == "")
    ]
    lines = [
        f"Seeds {', '.join(map(str, seeds_run))}: mean (standard deviation; least to greatest).",
        "",
        "| number | set | seeds | mean | spread |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in shown.itertuples():
        name = f"{row.measure}, {row.system}" + (f" minus {row.other}" if row.other else "")
        spread = f"{cell(row.sd)}; {row.least:.3f} to {row.greatest:.3f}"
        where = SETS[row.set].name
        lines.append(f"| {name} | {where} | {row.seeds} | {row.mean:.3f} | {spread} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
