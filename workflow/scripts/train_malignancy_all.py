"""Train a network on all scans of the run to separate malignant from benign nodules."""

from functools import partial

from nodules.base import jobs, tables
from nodules.learning import all_scans
from nodules.learning.tasks.malignancy import STREAM, MalignancySettings, NoduleTask


def main(snakemake):
    """Crops through the nodules that readers rated, or cubes around them."""
    sides = all_scans.sides(tables.read(snakemake.input.labels, "malignancy_labels"))
    settings = MalignancySettings.of(snakemake.params.settings)
    all_scans.run(snakemake, settings.model, settings, partial(NoduleTask, sides=sides), STREAM)


jobs.run(main, snakemake)
