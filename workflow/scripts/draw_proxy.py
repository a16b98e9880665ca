"""Draw confidence against Dice and against being right, and risk over coverage."""

from nodules import figures_trends, jobs, plotting, tables
from nodules.files import read_json


def main(snakemake):
    inputs = snakemake.input
    figure = figures_trends.confidence_as_proxy(
        tables.read(inputs.nodules, "proxy_nodules"),
        tables.read(inputs.bins, "certainty_bins"),
        tables.read(inputs.risk, "risk_coverage"),
        read_json(inputs.trends),
    )
    plotting.save(figure, snakemake.output)


jobs.run(main, snakemake)
