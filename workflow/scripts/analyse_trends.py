"""Follow loss and confidence across slices, and relate confidence to quality."""

from nodules.base import jobs, tables
from nodules.base.files import write_json
from nodules.evaluation import trends
from nodules.evaluation.slices import with_truth
from nodules.findings.matches import with_matches


def main(snakemake):
    """Trends over slices, and confidence against Dice and against being right."""
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    scores = tables.read_all(inputs.scores, "slice_scores")
    given = trends.Predictions(
        with_truth(tables.read_all(inputs.confidence, "slice_confidence"), scores),
        scores,
        with_matches(
            tables.read_all(inputs.classified, "classified"),
            tables.read_all(inputs.matches, "matches"),
        ),
        tables.read(inputs.segmentation, "segmentation"),
    )
    folds = tables.read(inputs.folds, "folds")
    found, summary = trends.analyse(given, folds, params.bootstrap, params.seed, params.detector)
    for name, table in found.items():
        tables.write(output[name], name, table)
    write_json(output.trends, summary)


jobs.run(main, snakemake)
