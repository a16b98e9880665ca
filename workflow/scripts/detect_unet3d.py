"""Detect candidates in a part's scans with 3-D U-Nets that were not trained on them."""

from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference import windows
from nodules.learning.machine import of_job
from nodules.learning.networks import bundle
from nodules.prepare.volumes import open_volumes


def main(snakemake):
    """Nodules' centres, diameters and probabilities."""
    inputs, part = snakemake.input, snakemake.wildcards.part
    uids = folds.part(tables.read(inputs.folds, "folds"), part)
    device = of_job(snakemake).device
    networks = [bundle.restore(path, device).network for path in inputs.models]
    settings = windows.WindowSettings(**snakemake.params.windows)
    scans = tqdm(open_volumes(inputs.volumes, uids), desc=f"detect {part}", unit="scan")
    found = [windows.detect(networks, volume, settings, device) for volume in scans]
    tables.write(snakemake.output.candidates, "candidates", tables.stacked(found))


jobs.run(main, snakemake)
