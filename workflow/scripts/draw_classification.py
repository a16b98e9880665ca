"""Draw how the ResNet50 tells candidates apart, and how its confidence is calibrated."""

from nodules import figures_scores, jobs, plotting, tables
from nodules.files import read_json


def main(snakemake):
    inputs, output = snakemake.input, snakemake.output
    curves = tables.read(inputs.curves, "classification_curves")
    bins = tables.read(inputs.reliability, "reliability")
    summary = read_json(inputs.classification)
    plotting.save(figures_scores.classification(curves, summary), output.classification)
    plotting.save(figures_scores.reliability(bins, summary), output.reliability)


jobs.run(main, snakemake)
