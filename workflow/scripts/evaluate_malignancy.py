"""Compare networks, radiomics and diameter at separating malignant from benign nodules."""

from nodules.base import jobs, tables
from nodules.base.files import write_json
from nodules.evaluation import malignancy


def main(snakemake):
    """Scores of all systems on the same nodules, and their differences."""
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    nodules, curves, summary = malignancy.score(
        tables.read_all([*inputs.network, *inputs.yardsticks], "malignancy_scores"),
        tables.read(inputs.labels, "malignancy_labels"),
        tables.read(inputs.folds, "folds"),
        tables.read_all(inputs.radiomics, "radiomics"),
        params.settings,
        params.bootstrap,
        params.seed,
    )
    tables.write(output.nodules, "malignancy_nodules", nodules)
    tables.write(output.curves, "malignancy_curves", curves)
    write_json(output.summary, summary)
    jobs.log.info("%s", summary["statement"])


jobs.run(main, snakemake)
