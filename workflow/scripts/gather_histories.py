"""Collect the histories of all trainings in one table."""

from nodules.base import jobs, tables


def main(snakemake):
    """One row per network and epoch."""
    histories = tables.read_all(snakemake.input.histories, "history")
    tables.write(snakemake.output[0], "history", histories)


jobs.run(main, snakemake)
