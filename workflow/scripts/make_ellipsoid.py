"""Write a scan of the phantom organ and its labels as NIfTI files."""

from nodules.base import jobs
from nodules.datasets.phantom import ellipsoid


def main(snakemake):
    """Image and labels, in the Decathlon's layout."""
    output, params = snakemake.output, snakemake.params
    index = int(snakemake.wildcards.uid.rpartition("_")[2])
    paths = (output.image, output.labels)
    ellipsoid.make(paths, index, params.settings, params.units, params.seed)
    jobs.log.info("%s", output.image)


jobs.run(main, snakemake)
