"""Detect candidates in a part's scans with U-Nets that were not trained on them."""

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference.part import detect_part


def main(snakemake):
    """Candidates, their regions and the strongest pixel of each slice."""
    uids = folds.part(tables.read(snakemake.input.folds, "folds"), snakemake.wildcards.part)
    detect_part(snakemake, uids, "unet")


jobs.run(main, snakemake)
