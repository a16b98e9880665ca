"""Train one fold's network to separate malignant from benign nodules."""

from functools import partial

from nodules.base import jobs, tables
from nodules.learning import loop
from nodules.learning.tasks.malignancy import STREAM, MalignancySettings, NoduleTask, divide


def main(snakemake):
    """Crops through the nodules that readers rated, or cubes around them."""
    inputs = snakemake.input
    labels = tables.read(inputs.labels, "malignancy_labels")
    sides = divide(labels, tables.read(inputs.folds, "folds"), int(snakemake.wildcards.fold))
    settings = MalignancySettings.of(snakemake.params.settings)
    loop.run(snakemake, settings.model, settings, partial(NoduleTask, sides=sides), STREAM)


jobs.run(main, snakemake)
