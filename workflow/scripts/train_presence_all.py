"""Train the ResNet50 on all scans, with candidates of U-Nets not trained on those scans."""

from functools import partial

from nodules.base import jobs
from nodules.learning import all_scans
from nodules.learning.tasks.presence import STREAM, CropTask, PresenceSettings, Sources


def main(snakemake):
    """Crops around nodules, and around what a U-Net that had not seen the scan took for some."""
    sources = Sources.read(snakemake.input)
    settings = PresenceSettings.of(snakemake.params.settings)
    all_scans.run(snakemake, "presence", settings, partial(CropTask, sources=sources), STREAM)


jobs.run(main, snakemake)
