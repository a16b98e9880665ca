"""Match a part's U-Net candidates to reference nodules and excluded findings."""

from pathlib import Path

import pandas as pd

from nodules.base import jobs, tables
from nodules.findings import overlaps
from nodules.findings.candidate_hits import match, rematched
from nodules.images.geometry import Geometry


def main(snakemake):
    """What each candidate hits by the official rule, or by overlap where the config says so."""
    inputs = snakemake.input
    found = match(
        *(tables.read(inputs[name], name) for name in ("candidates", "nodules", "excluded"))
    )
    if inputs.drawn:
        found = rematched(found, *_overlapping(*inputs.drawn))
    tables.write(snakemake.output.matches, "matches", found)


def _overlapping(scans, regions, *files):
    """What candidates share with lesions, and which lesions have masks.

    files: tables of slices and of masks of the part's scans, in turn.
    """
    sheet = tables.read(scans, "scans").set_index("seriesuid")
    predicted = dict(list(tables.read(regions, "regions").groupby("seriesuid")))
    none = tables.frame("regions")
    parts = []
    for slices, masks in zip(files[::2], files[1::2], strict=True):
        uid = Path(slices).stem
        native, _, _ = Geometry.from_row(sheet.loc[uid].to_dict()).reoriented()
        cut = Geometry.from_row(tables.read(slices, "slices").iloc[0].to_dict())
        rows = (tables.read(masks, "regions"), predicted.get(uid, none))
        parts.append(overlaps.of_scan(uid, *rows, cut, native))
    return (pd.concat(own, ignore_index=True) for own in zip(*parts, strict=True))


jobs.run(main, snakemake)
