"""Train one fold's ResNet50 on nodules, false positives and other nodule-free places."""

from functools import partial

from nodules.base import jobs
from nodules.learning import loop
from nodules.learning.tasks.presence import STREAM, CropTask, PresenceSettings, Sources


def main(snakemake):
    """Crops around nodules, and around what the U-Net took for some."""
    sources = Sources.read(snakemake.input)
    settings = PresenceSettings.of(snakemake.params.settings)
    loop.run(snakemake, "presence", settings, partial(CropTask, sources=sources), STREAM)


jobs.run(main, snakemake)
