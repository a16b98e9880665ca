"""Gather the run's numbers: a short summary, and every number with interval and definition."""

from nodules import jobs, run_summary, tables
from nodules.files import read_json, write_json


def main(snakemake):
    names = ("detection", "segmentation", "classification", "trends")
    found = [read_json(snakemake.input[name]) for name in names]
    write_json(snakemake.output.summary, run_summary.summarise(*found))
    tables.write(snakemake.output.metrics, "metrics", run_summary.metrics(*found))


jobs.run(main, snakemake)
