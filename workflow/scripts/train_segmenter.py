"""Train another 2-D network on the slices that the U-Net is trained on."""

from nodules.base import jobs
from nodules.learning import loop
from nodules.learning.tasks.segmenters import SETTINGS, STREAM, SegmenterTask


def main(snakemake):
    """Slices and their masks; binary cross-entropy per pixel."""
    name = snakemake.wildcards.segmenter
    settings = SETTINGS[name].of(snakemake.params.settings)
    loop.run(snakemake, name, settings, SegmenterTask, STREAM)


jobs.run(main, snakemake)
