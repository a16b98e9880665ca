#!/usr/bin/env python3
"""Score one fold's left-out scans alone, by the official rules, with every system found there.

    PYTHONPATH=workflow python benchmarks/unseen.py RESULTS 1

RESULTS: a results folder in which that fold's candidates stand, whether or not other folds were
run. Prints a line a system: CPM with its interval over scans, nodules found, false alarms a scan,
recall at 8 false alarms a scan, of all nodules and of those under 8 mm, and Dice of hit nodules.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.evaluation import names
from nodules.evaluation.detection import WITHIN, DetectionScores, Truth, score_systems
from nodules.evaluation.segmentation import compare_scan
from nodules.images.geometry import Geometry
from nodules.report import lookup

SMALL_MM = 8.0


def dice(results: Path, regions: pd.DataFrame, key: str, nodules: pd.DataFrame) -> float:
    """Mean Dice over the nodules that a network's regions touch; NaN where they touch none."""
    sheet = tables.read(results / "scans/scans.parquet", "scans").set_index("seriesuid")
    found = []
    for uid, own in nodules.groupby("seriesuid"):
        native, _, _ = Geometry.from_row(sheet.loc[uid].to_dict()).reoriented()
        table = results / f"slices/{uid}.parquet"
        slices = native
        if table.exists():
            slices = Geometry.from_row(tables.read(table, "slices").iloc[0].to_dict())
        rows = compare_scan(
            own,
            tables.read(results / f"masks/{uid}.parquet", "regions"),
            regions[regions["seriesuid"] == uid],
            native,
            slices,
            0.5,
            [key],
        )
        found += [r["dice"] for r in rows if r["comparison"] == key and r["detected"]]
    return float(np.mean(found)) if found else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("fold", type=int)
    given = parser.parse_args()
    results, part = given.results, f"fold_{given.fold}"
    folds = tables.read(results / "folds/folds.parquet", "folds")
    folds = folds[folds["fold"] == given.fold]
    nodules, excluded = (
        tables.read(results / f"scans/{name}.parquet", name) for name in ("nodules", "excluded")
    )
    nodules = nodules[nodules["seriesuid"].isin(folds["seriesuid"])]
    systems = {}
    for key, system in names.SYSTEMS.items():
        path = results.parent / system.scores.path.format(part=part)
        if path.exists():
            marks = tables.read(path, system.scores.table)
            systems[key] = marks.assign(probability=marks[system.scores.score])
    scores = score_systems(systems, Truth(nodules, excluded, folds), 1000, 2016)
    print(f"{len(folds)} scans, {folds['patient'].nunique()} patients, {len(nodules)} nodules")
    for key in systems:
        print(line(key, scores, part, overlap(results, key, part, nodules)))


def overlap(results: Path, key: str, part: str, nodules: pd.DataFrame) -> float:
    """Mean Dice of the regions that a system's last network draws; NaN where it draws none."""
    mask = names.MASKS.get(names.SYSTEMS[key].networks[-1])
    path = results.parent / mask.regions.format(part=part) if mask and mask.regions else None
    if mask is None or path is None or not path.exists():
        return float("nan")
    return dice(results, tables.read(path, "regions"), mask.key, nodules)


def cpm(found: Mapping[str, Any]) -> str:
    """A system's CPM on a set with its interval; (–) for none, as of fewer than five scans."""
    return f"CPM {lookup.interval(found['cpm'], found['cpm_ci'])}"


def line(key: str, scores: DetectionScores, part: str, overlap: float) -> str:
    """A system's numbers in a sentence."""
    found = scores.summary["systems"][key][part]
    points = found["operating_points"]
    hits = scores.nodule_hits
    hits = hits[(hits["system"] == key) & (hits["set"] == names.OUT_OF_FOLD)]
    reached = hits["hit"] & (hits["probability"].fillna(-np.inf) > points[WITHIN]["above"])
    small = hits["diameter_mm"] < SMALL_MM
    alarms = points["all"]["false_alarms_per_scan"]["value"]
    return (
        f"{names.SYSTEMS[key].name}: {cpm(found)};"
        f" {int(hits['hit'].sum())} of {len(hits)} nodules at"
        f" {alarms:.1f} false alarms a scan; at 8 a scan {int(reached.sum())} of"
        f" {len(hits)}, under 8 mm {int(reached[small].sum())} of {int(small.sum())};"
        f" Dice {overlap:.3f}"
    )


if __name__ == "__main__":
    main()
