"""Draw loss and confidence over slices, as published, and what confidence says of quality."""

from nodules import figures_trends, jobs, plotting, tables
from nodules.files import read_json


def main(snakemake):
    inputs, output = snakemake.input, snakemake.output
    slices = tables.read(inputs.slices, "trend_slices")
    windows = tables.read(inputs.windows, "trend_windows")
    trends = read_json(inputs.trends)
    proxy = figures_trends.confidence_as_proxy(
        tables.read(inputs.nodules, "proxy_nodules"),
        tables.read(inputs.bins, "certainty_bins"),
        tables.read(inputs.risk, "risk_coverage"),
        trends,
    )
    plotting.save(figures_trends.slice_loss(slices, trends), output.slice_loss)
    plotting.save(figures_trends.mean_confidence(slices), output.mean_confidence)
    plotting.save(figures_trends.window_confidence(windows), output.window_confidence)
    plotting.save(proxy, output.confidence_as_proxy)


jobs.run(main, snakemake)
