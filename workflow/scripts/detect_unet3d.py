"""Find candidates in the scans of one part with the 3-D U-Nets that have not seen them."""

from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference import windows
from nodules.learning.machine import take
from nodules.learning.networks import bundle
from nodules.prepare.volumes import open_volumes


def main(snakemake):
    """Candidates, and the spheres of their diameters as regions."""
    inputs, output, part = snakemake.input, snakemake.output, snakemake.wildcards.part
    uids = folds.part(tables.read(inputs.folds, "folds"), part)
    device = take(snakemake.threads).device
    networks = [bundle.restore(path, device).network for path in inputs.models]
    settings = windows.WindowSettings(**snakemake.params.windows)
    scans = tqdm(open_volumes(inputs.volumes, uids), desc=f"detect {part}", unit="scan")
    found = [windows.detect(networks, volume, settings, device) for volume in scans]
    tables.write(output.candidates, "candidates", tables.stacked(f.candidates for f in found))
    tables.write(output.regions, "regions", tables.stacked(f.regions for f in found))


jobs.run(main, snakemake)
