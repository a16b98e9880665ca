"""Write the page of numbers, each with its interval, its denominator and its definition."""

from nodules import jobs, report_pages, tables
from nodules.files import read_json


def main(snakemake):
    metrics = tables.read(snakemake.input.metrics, "metrics")
    compared = None
    if snakemake.input.comparison:
        table = tables.read_all(snakemake.input.comparison, "comparison")
        compared = table, read_json(snakemake.input.statements[0])
    page = report_pages.metrics(metrics, read_json(snakemake.input.trends), compared)
    page.write(snakemake.output[0])


jobs.run(main, snakemake)
