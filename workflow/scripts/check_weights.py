"""Check that a network can start from the user's weights file, and keep a copy of it."""

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
