"""Measure how far each system's scores are probabilities, by the candidates' size."""

from nodules.base import jobs, tables
from nodules.evaluation import calibration, names


def main(snakemake):
    """Temperature of each system, and the gap between score and truth."""
    inputs, params = snakemake.input, snakemake.params
    systems = {}
    for key in params.systems:
        source = names.SYSTEMS[key].scores
        marks = tables.read_all(inputs[key], source.table)
        systems[key] = marks.assign(probability=marks[source.score])
    found = calibration.score(
        systems,
        *(tables.read(inputs[name], name) for name in ("nodules", "excluded", "folds")),
        *(params.bootstrap, params.seed),
    )
    tables.write(snakemake.output.calibration, "calibration", found)


jobs.run(main, snakemake)
