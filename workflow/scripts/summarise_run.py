"""Gather the run's numbers: a short summary, and every number with interval and definition."""

from nodules import jobs, run_summary, tables
from nodules.files import read_json, write_json

TOLD = ("detection", "segmentation", "classification", "trends", "malignancy")


def main(snakemake):
    inputs, output = snakemake.input, snakemake.output
    # Some have no file where the ResNet50's task gives none.
    found = {
        name: read_json(inputs[name]) if inputs.get(name) else None
        for name in (*TOLD, "explanations")
    }
    tables.write(output.metrics, "metrics", run_summary.metrics(**found))
    found.pop("explanations")
    write_json(output.summary, run_summary.summarise(**found))


jobs.run(main, snakemake)
