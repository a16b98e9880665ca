"""Draw loss, quality and confidence of all trainings by epoch."""

from nodules.base import jobs, tables
from nodules.report import plotting
from nodules.report.captions import Source
from nodules.report.figures import training


def main(snakemake):
    """Two figures of all trainings by epoch."""
    history = tables.read(snakemake.input.history, "history")
    networks = len(history.drop_duplicates(["model", "fold", "member"]))
    n = f"n = {networks:,} trained networks in {history['fold'].nunique():,} folds"
    drawn = {"epochs": training.epochs(history), "training": training.training(history)}
    each = {name: (figure, n) for name, figure in drawn.items()}
    plotting.save_all(each, snakemake.output, Source(**snakemake.params.captioned))


jobs.run(main, snakemake)
