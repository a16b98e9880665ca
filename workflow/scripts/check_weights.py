"""Check that a network can start from a file of the user's, and keep a copy of the file."""

import shutil

from nodules.base import jobs
from nodules.base.files import atomic
from nodules.learning.networks import bundle


def main(snakemake):
    """Build the network once from these weights; a file of another one is refused."""
    weights, section = snakemake.input.weights, snakemake.wildcards.section
    network = bundle.architecture(snakemake.params.settings["network"])
    network.build(snakemake.params.settings, 0, weights, f"{section}.weights")
    with atomic(snakemake.output.weights) as temporary:
        shutil.copyfile(weights, temporary)


jobs.run(main, snakemake)
