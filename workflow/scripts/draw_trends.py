"""Draw loss and confidence across slices, as published, and confidence against quality."""

from nodules.base import jobs, tables
from nodules.base.files import read_json
from nodules.report import lookup, plotting
from nodules.report.captions import Source, counted
from nodules.report.figures.trends import (
    confidence_as_proxy,
    mean_confidence,
    slice_loss,
    window_confidence,
)


def main(snakemake):
    """Four figures of trends, as published and as they should be read."""
    inputs, detector = snakemake.input, snakemake.params.detector
    slices = tables.read(inputs.slices, "trend_slices")
    windows = tables.read(inputs.windows, "trend_windows")
    trends = read_json(inputs.trends)
    proxy = confidence_as_proxy(
        tables.read(inputs.nodules, "proxy_nodules"),
        tables.read(inputs.bins, "certainty_bins"),
        tables.read(inputs.risk, "risk_coverage"),
        trends,
        detector,
    )
    name = lookup.main_set(slices)
    own, of_windows = lookup.rows(slices, set=name), lookup.rows(windows, set=name)
    found = trends["sets"].get(name, {}).get("proxy", {})
    cases = {"nodules": found.get("n_nodules", 0), "candidates": found.get("n_candidates", 0)}
    seen = counted(name, slices=len(own), scans=own["seriesuid"].nunique())
    drawn = {
        "slice_loss": (slice_loss(slices, trends, detector), seen),
        "mean_confidence": (mean_confidence(slices), seen),
        "window_confidence": (window_confidence(windows), counted(name, windows=len(of_windows))),
        "confidence_as_proxy": (proxy, counted(name, **cases)),
    }
    plotting.save_all(drawn, snakemake.output, Source(**snakemake.params.captioned))


jobs.run(main, snakemake)
