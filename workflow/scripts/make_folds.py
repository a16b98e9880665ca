"""Split the checked scans into folds."""

from nodules.base import jobs, tables
from nodules.datasets import folds


def main(snakemake):
    """Which scans each fold leaves out, and which are held out."""
    settings = snakemake.params.settings
    table = folds.assign(
        tables.read(snakemake.input.scans, "scans"),
        settings["scheme"],
        settings["n"],
        settings["test_subset"],
        snakemake.params.seed,
    )
    folds.require_planned(table, snakemake.params.planned)
    tables.write(snakemake.output.folds, "folds", table)
    for fold, part in table.groupby("fold"):
        jobs.log.info("fold %d: %d scans, %d nodules", fold, len(part), part["n_nodules"].sum())


jobs.run(main, snakemake)
