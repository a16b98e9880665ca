"""Write the phantom organ's scans and labels as NIfTI files."""

from nodules.base import jobs
from nodules.datasets.phantom import ellipsoid


def main(snakemake):
    """Images and labels, in the Decathlon's layout."""
    output, params = snakemake.output, snakemake.params
    for index, paths in enumerate(zip(output.images, output.labels, strict=True)):
        ellipsoid.make(paths, index, params.settings, params.units, params.seed)
    jobs.log.info("%d scans", len(output.images))


jobs.run(main, snakemake)
