"""Measure shape, intensity and texture of every reference nodule in a part's scans."""

from pathlib import Path

import pandas as pd
from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.findings import radiomics
from nodules.images.metaimage import read_volume


def main(snakemake):
    """Features of each nodule, or the reason why it has none."""
    inputs, part = snakemake.input, snakemake.wildcards.part
    uids = folds.part(tables.read(inputs.folds, "folds"), part)
    scans = tables.read(inputs.scans, "scans").set_index("seriesuid")
    nodules = tables.read(inputs.nodules, "nodules")
    masks = {Path(path).stem: path for path in inputs.masks}
    found = [tables.frame("radiomics")]
    for uid in tqdm(uids, desc=f"radiomics {part}", unit="scan"):
        own = nodules[nodules["seriesuid"] == uid]
        if len(own):
            hu, native = read_volume(scans.loc[uid, "header"])
            rows = tables.read(masks[uid], "regions")
            found.append(radiomics.measure_scan(hu, native, rows, own, snakemake.params.kind))
    table = pd.concat([f for f in found if len(f)] or found, ignore_index=True)
    for row in table[table["reason"] != ""].itertuples():
        jobs.log.warning("Scan %s, nodule %d: %s", row.seriesuid, row.nodule, row.reason)
    tables.write(snakemake.output.radiomics, "radiomics", table)


jobs.run(main, snakemake)
