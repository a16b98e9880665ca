"""Draw each nodule's volume over time, and its change."""

from nodules.base import jobs, tables
from nodules.report import plotting
from nodules.report.captions import Source
from nodules.report.figures.follow_up import growth, measured


def main(snakemake):
    """One figure of all pairs."""
    rows = tables.read(snakemake.input.rows, "follow_up")
    n = f"n = {len(measured(rows))} of {len(rows)} nodules, {rows['patient'].nunique()} patients"
    drawn = {"growth": (growth(rows), n)}
    plotting.save_all(drawn, snakemake.output, Source(**snakemake.params.captioned))


jobs.run(main, snakemake)
