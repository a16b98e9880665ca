"""Download torchvision's ImageNet weights for the ResNet50 and verify them."""

from nodules.base import jobs
from nodules.learning.networks import weights


def main(snakemake):
    """A file that is whole and has the right hash."""
    weights.fetch(snakemake.output[0])


jobs.run(main, snakemake)
