"""Time and memory of rules and systems, from Snakemake's benchmark files."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from nodules.base import tables
from nodules.evaluation.runs import with_network


def rule_costs(benchmarks: Iterable[Path]) -> pd.DataFrame:
    """Jobs, time and peak memory of each rule, from Snakemake's benchmark files.

    benchmarks: files `benchmarks/<rule>/<wildcards>.tsv` or `benchmarks/<rule>.tsv`.
    Returns one row per rule, longest total time first: rule, jobs, total_s, longest_s (wall
    clock), cpu_s, peak_mb (largest resident set of a job; NaN for jobs too short to be measured).
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


def steps(benchmarks: Iterable[Path], jobs: Mapping[str, tuple[str, str, str]]) -> pd.DataFrame:
    """Time and peak memory of jobs: columns model, step, part, seconds, peak_mb.

    benchmarks: files `<rule>/<file>.tsv`; jobs: model, step and part keyed by `<rule>/<file>.tsv`,
    as from `runs.steps`.
    """
    rows = []
    for path in benchmarks:
        measured = pd.read_csv(path, sep="\t", na_values="-").iloc[-1]
        seconds, peak = float(measured["s"]), float(measured["max_rss"])
        rows.append((*jobs[f"{path.parent.name}/{path.name}"], seconds, peak))
    return pd.DataFrame(rows, columns=["model", "step", "part", "seconds", "peak_mb"])


def system_costs(
    history: pd.DataFrame,
    jobs: pd.DataFrame,
    shown: pd.DataFrame,
    folds: pd.DataFrame,
    systems: Sequence[str],
) -> pd.DataFrame:
    """Table `system_costs`: time and memory to train and to apply each network.

    history: table `history` of all networks; jobs: result of `steps`; shown: columns part, scans
    (number of scans in a part); systems: keys of the run's detecting systems. Training time is the
    sum over epochs, so that interruptions do not matter. A system of two networks has rows for
    each.
    """
    trained = history.groupby(["model", "fold"])["seconds"].sum()
    scans = shown.set_index("part")["scans"]
    n_used = int((folds["fold"] >= 0).sum())
    rows = []
    for job in jobs.to_dict("records"):
        row = job | {"scans": int(scans[job["part"]])}
        if job["step"] == "training":
            fold = int(str(job["part"]).removeprefix("fold_"))
            row |= {"scans": n_used - row["scans"], "seconds": trained[job["model"], fold]}
        rows += [row | {"system": system} for system in with_network(job["model"], systems)]
    return tables.frame("system_costs", rows)
