"""Draw pictures of hits, misses and false alarms."""

import pandas as pd

from nodules.base import jobs, tables
from nodules.findings.matches import with_matches
from nodules.prepare.stacks import open_stacks
from nodules.report import gallery, plotting


def main(snakemake):
    """One picture of each kind, with a few cases."""
    inputs, detector = snakemake.input, snakemake.params.detector
    folds = tables.read(inputs.folds, "folds")
    part = gallery.part_of(folds)
    candidates = with_matches(
        tables.read_all(inputs.candidates, snakemake.params.table),
        tables.read_all(inputs.matches, "matches"),
    )
    if snakemake.params.table == "candidates":
        candidates = candidates.assign(confidence=candidates["probability"])
    nodules = tables.read(inputs.nodules, "nodules")
    nodules = nodules[nodules["seriesuid"].isin(part)]
    found = {uid: rows for uid, rows in _regions(inputs.regions).groupby("seriesuid")}
    stacks = open_stacks([*inputs.stacks, *inputs.test_stacks], list(part), snakemake.params.kind)
    by_uid = {stack.uid: stack for stack in stacks}
    for kind in gallery.HEADINGS:
        cases = gallery.choose(
            kind,
            candidates.assign(part=candidates["seriesuid"].map(part)),
            nodules.assign(part=nodules["seriesuid"].map(part)),
            snakemake.params.most,
        )
        pictures = [
            gallery.picture(
                kind, case, by_uid[uid], found.get(uid, tables.frame("regions")), detector
            )
            for uid, case in zip(cases["seriesuid"], cases.to_dict("records"), strict=True)
        ]
        plotting.save(gallery.draw(kind, pictures, detector), [snakemake.output[kind]])


def _regions(paths):
    parts = [part for part in (tables.read(p, "regions") for p in paths) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else tables.frame("regions")


jobs.run(main, snakemake)
