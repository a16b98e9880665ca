"""Hold the U-Net's candidates of a part against the reference nodules and excluded findings."""

from nodules.base import jobs, tables
from nodules.findings.candidate_hits import match


def main(snakemake):
    """What each candidate hits by the official rule."""
    inputs = snakemake.input
    found = match(
        *(tables.read(inputs[name], name) for name in ("candidates", "nodules", "excluded"))
    )
    tables.write(snakemake.output.matches, "matches", found)


jobs.run(main, snakemake)
