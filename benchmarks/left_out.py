#!/usr/bin/env python3
"""Each nodule of some scans, and the surest false alarms there, by networks that saw neither.

    PYTHONPATH=workflow python benchmarks/left_out.py RESULTS SCANS --pictures FOLDER

RESULTS: a results folder in which every fold's candidates of the detector in 3-D stand. SCANS: a
file of series UIDs, one a line: those that count, as the real ones of a set that holds copies too.
Prints a row a nodule and a row a false alarm, in Markdown, then recall and false alarms a scan.
FOLDER gets pictures of all of them, in three planes.
"""

import argparse
from pathlib import Path

import pandas as pd
from unseen import cpm

from nodules.base import tables
from nodules.evaluation import names
from nodules.evaluation.detection import Truth, score_systems
from nodules.findings.candidate_hits import match
from nodules.findings.matches import false_alarms, with_matches
from nodules.report import gallery, plotting
from nodules.report.figures import gallery as pictures

SURE_MM = 6.0  # nodules that should all be found, at fewer than
ALARMS = 4.0  # false alarms a scan
SYSTEM = "unet3d_reduction"


def main() -> None:
    given = arguments()
    results, uids = given.results, given.scans.read_text().split()
    folds = tables.read(results / "folds/folds.parquet", "folds")
    part = gallery.part_of(folds)
    nodules, excluded = (
        own[own["seriesuid"].isin(uids)]
        for own in (tables.read(results / f"scans/{n}.parquet", n) for n in ("nodules", "excluded"))
    )
    source = names.SYSTEMS[SYSTEM].scores
    found = tables.stacked(
        tables.read(results.parent / source.path.format(part=part[uid]), source.table)
        .query("seriesuid == @uid")
        .reset_index(drop=True)
        for uid in uids
    )
    judged = with_matches(found, match(found[tables.columns("candidates")], nodules, excluded))
    judged = judged.assign(part=judged["seriesuid"].map(part))
    alarms = false_alarms(judged).sort_values("confidence", ascending=False)
    nodules = nodules.sort_values(["seriesuid", "nodule"])
    rows = ranked(nodules, judged, alarms, len(uids))
    print(markdown(rows), markdown(surest(alarms, given.alarms)), sep="\n\n", end="\n\n")
    sure = rows[(nodules["diameter_mm"] >= SURE_MM).to_numpy()]  # not as rounded in the table
    print(
        f"{rows['confidence'].notna().sum()} of {len(rows)} nodules found;"
        f" {sure['confidence'].notna().sum()} of {len(sure)} of {SURE_MM:g} mm and more, the least"
        f" sure with {sure['false alarms a scan above'].max():.2f} false alarms a scan above it"
        f" (goal: under {ALARMS:g}); {len(alarms) / len(uids):.1f} false alarms a scan in all"
    )
    truth = Truth(nodules, excluded, folds[folds["seriesuid"].isin(uids)])
    marks = {SYSTEM: found.assign(probability=found["confidence"])}
    own = score_systems(marks, truth, 1000, 2016).summary["systems"][SYSTEM][names.OUT_OF_FOLD]
    print(f"{cpm(own)}, over scans")
    if given.pictures:
        draw(given, judged, nodules.assign(part=nodules["seriesuid"].map(part)))


def ranked(
    nodules: pd.DataFrame, judged: pd.DataFrame, alarms: pd.DataFrame, scans: int
) -> pd.DataFrame:
    """A row a nodule: its best candidate's confidence, and how many false alarms are surer."""
    rows = []
    for nodule in nodules.itertuples():
        own = judged[
            (judged["seriesuid"] == nodule.seriesuid) & (judged["nodule"] == nodule.nodule)
        ]
        best = own["confidence"].max()
        surer = alarms[alarms["confidence"] >= best]
        rows.append(
            {
                "scan": f"...{nodule.seriesuid[-6:]}",
                "nodule": nodule.nodule,
                "diameter, mm": round(nodule.diameter_mm, 1),
                "confidence": round(best, 3) if len(own) else None,
                "false alarms above, in its scan": (
                    (surer["seriesuid"] == nodule.seriesuid).sum() if len(own) else None
                ),
                "false alarms a scan above": round(len(surer) / scans, 2) if len(own) else None,
            }
        )
    return pd.DataFrame(rows)


def surest(alarms: pd.DataFrame, count: int) -> pd.DataFrame:
    """The surest false alarms, by name."""
    return pd.DataFrame(
        {
            "scan": "..." + alarms["seriesuid"].str[-6:],
            "world x, y, z, mm": [
                f"{x:.0f}, {y:.0f}, {z:.0f}" for x, y, z in alarms[["x", "y", "z"]].to_numpy()
            ],
            "diameter, mm": alarms["diameter_mm"].round(1),
            "confidence": alarms["confidence"].round(3),
        }
    ).head(count)


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown has it."""
    head = f"| {' | '.join(table.columns)} |\n|{' --- |' * len(table.columns)}"
    told = table.astype(object).where(table.notna(), "–").itertuples(index=False)
    return "\n".join([head, *(f"| {' | '.join(map(str, row))} |" for row in told)])


def draw(given: argparse.Namespace, judged: pd.DataFrame, nodules: pd.DataFrame) -> None:
    """All hits and misses, and as many of the surest false alarms, in three planes."""
    given.pictures.mkdir(parents=True, exist_ok=True)
    sheet = tables.read(given.results / "scans/scans.parquet", "scans").set_index("seriesuid")
    part = dict(zip(judged["seriesuid"], judged["part"], strict=True))

    def scan(uid: str) -> gallery.Scan:
        path = given.results / f"reduction/{part[uid]}/regions.parquet"
        found = tables.read(path, "regions").query("seriesuid == @uid")
        return gallery.read(given.results, uid, sheet.loc[uid, "header"], found, "readers")

    most = max(given.alarms, len(nodules))
    for kind, (cases, total) in gallery.drawn(judged, nodules, {}, most, scan).items():
        figure = pictures.draw(kind, cases, total, "reduction")
        plotting.save(figure, [str(given.pictures / f"{kind}.png")])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("scans", type=Path)
    parser.add_argument(
        "--alarms", type=int, default=12, help="false alarms told, and drawn at least"
    )
    parser.add_argument("--pictures", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
