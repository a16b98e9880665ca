"""Measure the calibration of each system's scores, by candidate size."""

from nodules.base import jobs, tables
from nodules.evaluation import calibration, names
from nodules.evaluation.overlap_hits import with_masked, with_touched


def main(snakemake):
    """Temperature of each system, and the gap between score and truth."""
    inputs, params = snakemake.input, snakemake.params
    systems = {}
    for key in params.systems:
        source = names.SYSTEMS[key].scores
        marks = tables.read_all(inputs[key], source.table)
        systems[key] = marks.assign(probability=marks[source.score])
    nodules = tables.read(inputs.nodules, "nodules")
    if inputs.overlaps:
        drawn = tables.read(inputs.overlaps, "segmentation")
        systems = {key: with_touched(marks, drawn, key) for key, marks in systems.items()}
        nodules = with_masked(nodules, drawn)
    found = calibration.score(
        systems,
        nodules,
        *(tables.read(inputs[name], name) for name in ("excluded", "folds")),
        *(params.bootstrap, params.seed),
    )
    tables.write(snakemake.output.calibration, "calibration", found)


jobs.run(main, snakemake)
