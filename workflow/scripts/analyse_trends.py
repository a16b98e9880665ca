"""Follow loss and confidence over slices, and hold confidence against quality."""

from nodules.base import jobs, tables
from nodules.base.files import write_json
from nodules.evaluation import trends


def main(snakemake):
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    given = trends.Predictions(
        tables.read_all(inputs.confidence, "slice_confidence"),
        tables.read_all(inputs.scores, "slice_scores"),
        tables.read_all(inputs.classified, "classified"),
        tables.read(inputs.segmentation, "segmentation"),
    )
    folds = tables.read(inputs.folds, "folds")
    found, summary = trends.analyse(given, folds, params.bootstrap, params.seed)
    for name, table in found.items():
        tables.write(output[name], name, table)
    write_json(output.trends, summary)


jobs.run(main, snakemake)
