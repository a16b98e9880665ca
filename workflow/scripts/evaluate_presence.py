"""Evaluate and calibrate the ResNet50 on the U-Net's candidates."""

from nodules.base import jobs, tables
from nodules.base.files import write_json
from nodules.evaluation import presence
from nodules.findings.matches import with_matches


def main(snakemake):
    """Measures, curves and calibration of each set of scans."""
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    scores = presence.score(
        with_matches(
            tables.read_all(inputs.classified, "classified"),
            tables.read_all(inputs.matches, "matches"),
        ),
        tables.read(inputs.folds, "folds"),
        params.bootstrap,
        params.seed,
    )
    tables.write(output.curves, "presence_curves", scores.curves)
    tables.write(output.reliability, "reliability", scores.reliability)
    write_json(output.summary, scores.summary)


jobs.run(main, snakemake)
