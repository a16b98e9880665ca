"""Train one fold's U-Net."""

from nodules.base import jobs
from nodules.learning import loop
from nodules.learning.tasks.slices import SliceTask, UNetSettings


def main(snakemake):
    """Slices and their masks; binary cross-entropy per pixel."""
    loop.run(snakemake, "unet", UNetSettings.of(snakemake.params.settings), SliceTask)


jobs.run(main, snakemake)
