"""Train the U-Net on all scans of the run."""

from nodules.base import jobs
from nodules.learning import all_scans
from nodules.learning.tasks.slices import SliceTask, UNetSettings


def main(snakemake):
    """Slices and their masks; binary cross-entropy per pixel."""
    all_scans.run(snakemake, "unet", UNetSettings.of(snakemake.params.settings), SliceTask)


jobs.run(main, snakemake)
