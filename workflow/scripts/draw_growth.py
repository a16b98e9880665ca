"""Draw each nodule's volume over time, and its change."""

from nodules.base import jobs, tables
from nodules.report import plotting
from nodules.report.captions import Source
from nodules.report.figures.follow_up import growth


def main(snakemake):
    """One figure of all pairs."""
    rows = tables.read(snakemake.input.rows, "follow_up")
    n = f"{rows['patient'].nunique()} patients, {len(rows)} findings"
    drawn = {"growth": (growth(rows), n)}
    plotting.save_all(drawn, snakemake.output, Source(**snakemake.params.captioned))


jobs.run(main, snakemake)
