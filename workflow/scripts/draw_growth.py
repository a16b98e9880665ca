"""Draw each nodule's volume over time, and its change."""

from nodules.base import jobs, tables
from nodules.report import plotting
from nodules.report.figures.follow_up import growth


def main(snakemake):
    """One figure of all pairs."""
    rows = tables.read(snakemake.input.rows, "follow_up")
    plotting.save(growth(rows), snakemake.output.growth)


jobs.run(main, snakemake)
