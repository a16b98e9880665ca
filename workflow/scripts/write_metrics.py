"""Write the page of numbers, each with its interval, its denominator and its definition."""

from nodules import jobs, report_pages, tables
from nodules.files import read_json


def main(snakemake):
    metrics = tables.read(snakemake.input.metrics, "metrics")
    page = report_pages.metrics(metrics, read_json(snakemake.input.trends))
    page.write(snakemake.output[0])


jobs.run(main, snakemake)
