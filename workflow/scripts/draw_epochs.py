"""Draw loss, quality and confidence of all trainings by epoch."""

from nodules.base import jobs, tables
from nodules.report import plotting
from nodules.report.figures import training


def main(snakemake):
    """Two figures of all trainings by epoch."""
    history = tables.read(snakemake.input.history, "history")
    plotting.save(training.epochs(history), snakemake.output.epochs)
    plotting.save(training.training(history), snakemake.output.training)


jobs.run(main, snakemake)
