"""Train the ResNet50 of one fold on nodules, false alarms and other places without a nodule."""

from functools import partial

from nodules.base import jobs, tables
from nodules.findings.matches import with_matches
from nodules.learning import loop
from nodules.learning.tasks.presence import STREAM, CropTask, PresenceSettings, Sources


def main(snakemake):
    """Crops around nodules, and around what the U-Net took for some."""
    inputs = snakemake.input
    sources = Sources(
        with_matches(
            tables.read_all(inputs.candidates, "candidates"),
            tables.read_all(inputs.matches, "matches"),
        ),
        tables.read_all(inputs.regions, "regions"),
        tables.read_all(inputs.peaks, "slice_peaks"),
        tables.read(inputs.locations, "locations"),
    )
    settings = PresenceSettings.of(snakemake.params.settings)
    loop.run(snakemake, "presence", settings, partial(CropTask, sources=sources), STREAM)


jobs.run(main, snakemake)
