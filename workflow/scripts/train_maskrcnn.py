"""Train one fold's Mask R-CNN on the slices that the U-Net is trained on."""

from nodules.base import jobs
from nodules.learning import loop
from nodules.learning.tasks.instances import InstanceTask, MaskRCNNSettings


def main(snakemake):
    """Slices and each nodule in them as an instance."""
    settings = MaskRCNNSettings.of(snakemake.params.settings)
    loop.run(snakemake, "maskrcnn", settings, InstanceTask)


jobs.run(main, snakemake)
