"""Write the page of numbers, each with its interval, denominator and definition."""

from nodules.base import jobs, tables
from nodules.base.files import read_json
from nodules.report import words
from nodules.report.pages import numbers


def main(snakemake):
    """One page from table `metrics` and the statements."""
    inputs = snakemake.input
    metrics = tables.read(inputs.metrics, "metrics")
    # Some have no file where the ResNet50's task gives none, or Mask R-CNN or a track is left out.
    detection, trends, explanations, track = (
        read_json(inputs[name]) if inputs.get(name) else None
        for name in ("detection", "trends", "explanations", "reduction_track")
    )
    compared = None
    if inputs.comparison:
        table, statements = inputs.comparison
        compared = tables.read(table, "comparison"), read_json(statements)
    page = numbers.page(
        metrics, detection, trends, explanations, compared, track, snakemake.params.small
    )
    page.write(snakemake.output[0], words.of(snakemake.params.words))


jobs.run(main, snakemake)
