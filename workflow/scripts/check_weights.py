"""Check that a network can start from a file of the user's, and keep a copy of the file."""

import shutil

from nodules.base import jobs
from nodules.base.files import atomic
from nodules.learning.networks.maskrcnn import build_maskrcnn
from nodules.learning.networks.resnet import build_resnet


def main(snakemake):
    weights = snakemake.input.weights
    if snakemake.wildcards.section == "resnet":
        build_resnet(0, weights)
    else:
        build_maskrcnn(snakemake.params.settings, 0, weights)
    with atomic(snakemake.output.weights) as temporary:
        shutil.copyfile(weights, temporary)


jobs.run(main, snakemake)
