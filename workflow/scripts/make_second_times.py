"""Simulate a second scan of some phantom patients: nodules grown, gone and new."""

import pandas as pd

from nodules.base import files, jobs, tables
from nodules.datasets.phantom import second_scan
from nodules.images import metaimage
from nodules.images.metaimage_writing import write_volume
from nodules.stats import seeds

POINT = ["coordX", "coordY", "coordZ"]


def main(snakemake):
    """The second scans, the list of their findings, and what is true of them."""
    inputs, outputs, params = snakemake.input, snakemake.output, snakemake.params
    nodules = tables.read(inputs.nodules, "nodules")
    findings, truth = [], []
    for k, time in enumerate(params.times):
        hu, grid = metaimage.read_volume(inputs.headers[k])
        own = nodules[nodules["seriesuid"] == time["prior"]]
        listed = list(zip(own[["x", "y", "z"]].to_numpy(), own["diameter_mm"], strict=True))
        rng = seeds.generator(params.seed, "phantom second time", k)
        again, fates = second_scan.at_second_time(rng, hu, grid, listed)
        write_volume(outputs.headers[k], outputs.data[k], again, grid)
        for fate in fates:
            if fate.name not in ("gone", "unlisted"):
                findings.append([time["uid"], *fate.current, fate.diameter_mm])
            truth.append(
                [time["prior"], time["uid"], fate.name, *fate.prior, *fate.current, fate.factor]
            )
        jobs.log.info("%s: %s", time["uid"], ", ".join(fate.name for fate in fates))
    columns = ["seriesuid", *POINT, "diameter_mm"]
    of_truth = ["prior", "current", "fate"]
    of_truth += [f"{when}_{axis}" for when in ("prior", "current") for axis in "xyz"] + ["factor"]
    written = ((outputs.findings, findings, columns), (outputs.truth, truth, of_truth))
    for path, rows, names in written:
        text = pd.DataFrame(rows, columns=names).to_csv(index=False, float_format="%.10g")
        files.write_text(path, text)


jobs.run(main, snakemake)
