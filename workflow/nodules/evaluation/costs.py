"""Time and memory of rules and of systems, from Snakemake's benchmark files."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from nodules.base import tables
from nodules.evaluation.runs import with_network


def rule_costs(benchmarks: Iterable[Path]) -> pd.DataFrame:
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


def steps(benchmarks: Iterable[Path], jobs: Mapping[str, tuple[str, str, str]]) -> pd.DataFrame:
    """Time and peak memory of some jobs: model, step, part, seconds, peak_mb.

    benchmarks: files `<rule>/<file>.tsv`; jobs: model, step and part by these two last names, as
    `runs.steps` gives them.
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
    """Table `system_costs`: what each network takes to be trained and to be applied.

    history: table `history` of all networks; jobs: rows model, step, part, seconds, peak_mb of
    their jobs; shown: rows part, scans; systems: the run's detecting systems. A network's training
    takes what its epochs took, also where it was stopped in between; a system of two networks has
    a row for each.
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
