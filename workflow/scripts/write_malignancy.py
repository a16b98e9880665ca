"""Write the malignancy page: labels, scores, differences, and three labelling rules."""

from nodules.base import jobs
from nodules.base.files import read_json
from nodules.report.pages import malignancy


def main(snakemake):
    """One page from malignancy.json."""
    malignancy.page(read_json(snakemake.input.summary)).write(snakemake.output[0])


jobs.run(main, snakemake)
