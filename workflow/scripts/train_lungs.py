"""Train one fold's lung U-Net."""

from nodules.base import jobs
from nodules.learning import loop
from nodules.learning.tasks.lungs import LungSettings, LungTask


def main(snakemake):
    """Coarse whole slices and their lung masks; binary cross-entropy per pixel."""
    loop.run(snakemake, "lungs", LungSettings.of(snakemake.params.settings), LungTask)


jobs.run(main, snakemake)
