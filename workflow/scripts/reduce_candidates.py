"""Classify a part's candidates with second-stage networks that were not trained on them."""

from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference import reduction
from nodules.learning.machine import of_job
from nodules.learning.networks import bundle
from nodules.prepare.volumes import open_volumes


def main(snakemake):
    """Of each candidate a confidence, its voxels, and from these its centre and diameter."""
    inputs, output, part = snakemake.input, snakemake.output, snakemake.wildcards.part
    uids = folds.part(tables.read(inputs.folds, "folds"), part)
    device = of_job(snakemake).device
    models = [bundle.restore(path, device) for path in inputs.models]
    networks, side = [m.network for m in models], models[0].input["cube"]
    candidates = tables.read(inputs.candidates, "candidates")
    found = [
        reduction.reduce(networks, volume, own, side, device)
        for volume in tqdm(open_volumes(inputs.volumes, uids), desc=f"reduce {part}", unit="scan")
        for own in [candidates[candidates["seriesuid"] == volume.uid]]
    ]
    tables.write(output.candidates, "classified", tables.stacked(f.candidates for f in found))
    tables.write(output.regions, "regions", tables.stacked(f.regions for f in found))


jobs.run(main, snakemake)
