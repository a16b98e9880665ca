"""Write the page on benign or malignant: labels, scores, differences, three label rules."""

from nodules import jobs, malignancy_page
from nodules.files import read_json


def main(snakemake):
    malignancy_page.page(read_json(snakemake.input.summary)).write(snakemake.output[0])


jobs.run(main, snakemake)
