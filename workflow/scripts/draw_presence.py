"""Draw how the ResNet50 tells candidates apart, and how its confidence is calibrated."""

from nodules.base import jobs, tables
from nodules.base.files import read_json
from nodules.report import plotting
from nodules.report.figures import presence


def main(snakemake):
    """Two figures of the presence ResNet50 on candidates."""
    inputs, output = snakemake.input, snakemake.output
    curves = tables.read(inputs.curves, "presence_curves")
    bins = tables.read(inputs.reliability, "reliability")
    summary = read_json(inputs.summary)
    plotting.save(presence.curves(curves, summary), output.presence)
    plotting.save(presence.reliability(bins, summary), output.reliability)


jobs.run(main, snakemake)
