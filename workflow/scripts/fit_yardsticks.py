"""Score a part's nodules by diameter alone and by their radiomic features."""

from nodules.base import jobs, tables
from nodules.findings import yardsticks


def main(snakemake):
    """Scores by models that have not seen the part's patients."""
    inputs, part = snakemake.input, snakemake.wildcards.part
    labels = tables.read(inputs.labels, "malignancy_labels")
    radiomics = tables.read_all(inputs.radiomics, "radiomics")
    scores = yardsticks.fit_part(labels, radiomics, tables.read(inputs.folds, "folds"), part)
    tables.write(snakemake.output.scores, "malignancy_scores", scores)
    jobs.log.info("%s: %d nodules scored by each of two models.", part, len(scores) // 2)


jobs.run(main, snakemake)
