"""Draw loss, quality and confidence of all trainings by epoch."""

from nodules import figures_training, jobs, plotting, tables


def main(snakemake):
    history = tables.read(snakemake.input.history, "history")
    plotting.save(figures_training.epochs(history), snakemake.output.epochs)
    plotting.save(figures_training.training(history), snakemake.output.training)


jobs.run(main, snakemake)
