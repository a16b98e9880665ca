"""Train one fold's 3-D U-Net."""

from nodules.base import jobs
from nodules.learning import loop
from nodules.learning.tasks.patches3d import HeatTask, UNet3DSettings
from nodules.learning.tasks.volume_truth import open_fold


def main(snakemake):
    """Patches of volumes; a heat map of nodules' centres, and their diameters."""
    settings = UNet3DSettings.of(snakemake.params.settings)
    loop.run(snakemake, "unet3d", settings, HeatTask, scans=open_fold)


jobs.run(main, snakemake)
