"""Draw loss and confidence over slices, as published, and what confidence says of quality."""

from nodules.base import jobs, tables
from nodules.base.files import read_json
from nodules.report import plotting
from nodules.report.figures.trends import (
    confidence_as_proxy,
    mean_confidence,
    slice_loss,
    window_confidence,
)


def main(snakemake):
    """Four figures of trends, as published and as they should be read."""
    inputs, output = snakemake.input, snakemake.output
    slices = tables.read(inputs.slices, "trend_slices")
    windows = tables.read(inputs.windows, "trend_windows")
    trends, detector = read_json(inputs.trends), snakemake.params.detector
    proxy = confidence_as_proxy(
        tables.read(inputs.nodules, "proxy_nodules"),
        tables.read(inputs.bins, "certainty_bins"),
        tables.read(inputs.risk, "risk_coverage"),
        trends,
        detector,
    )
    plotting.save(slice_loss(slices, trends, detector), output.slice_loss)
    plotting.save(mean_confidence(slices), output.mean_confidence)
    plotting.save(window_confidence(windows), output.window_confidence)
    plotting.save(proxy, output.confidence_as_proxy)


jobs.run(main, snakemake)
