"""Combine the scores of the two 3-D stages, with weights fitted on the other folds."""

from nodules.base import jobs, tables
from nodules.evaluation import stages


def main(snakemake):
    """The part's candidates with their confidence; the weights go into the log."""
    inputs = snakemake.input
    judged = tables.read(inputs.judged, "classified")
    folds = tables.read(inputs.folds, "folds")
    others = stages.of_others(tables.read_all(inputs.others, "classified"), judged, folds)
    truth = (tables.read(inputs[name], name) for name in ("nodules", "excluded"))
    weights = stages.fit(others, *truth) if inputs.others else stages.EQUAL
    jobs.log.info("weights of first stage, second stage, intercept: %.3f, %.3f, %.3f", *weights)
    tables.write(snakemake.output.candidates, "classified", stages.combined(judged, weights))


jobs.run(main, snakemake)
