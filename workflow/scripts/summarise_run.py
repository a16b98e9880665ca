"""Collect the run's numbers: a summary, and each number with interval and definition."""

from nodules.base import jobs, tables
from nodules.base.files import read_json, write_json
from nodules.evaluation import metric_rows, summary

TOLD = ("detection", "segmentation", "presence", "trends", "malignancy")
BESIDE = ("explanations", "track")  # not in the short summary


def main(snakemake):
    """Table `metrics` and summary.json."""
    inputs, output = snakemake.input, snakemake.output
    # Some have no file where the ResNet50's task gives none, or the track is left out.
    found = {
        name: read_json(inputs[name]) if inputs.get(name) else None for name in (*TOLD, *BESIDE)
    }
    found["calibration"] = tables.read(inputs.calibration, "calibration")
    tables.write(output.metrics, "metrics", metric_rows.gather(**found))
    told = {name: found[name] for name in TOLD}
    write_json(output.summary, summary.summarise(**told))


jobs.run(main, snakemake)
