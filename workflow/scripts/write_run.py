"""Write the pages on the scans used and skipped, and on the run's config and versions."""

from pathlib import Path

from nodules.base import jobs, provenance, tables
from nodules.report import words
from nodules.report.pages import run


def main(snakemake):
    """Two pages: scans used and skipped, config and versions."""
    inputs, output = snakemake.input, snakemake.output
    scans = tables.read(inputs.scans, "scans")
    folds = tables.read(inputs.folds, "folds")
    defects = tables.read(inputs.defects, "defects")
    lungs = tables.read_all(inputs.lungs, "lungs")
    agreement = tables.read_all(inputs.agreement, "lung_agreement")
    said = words.of(snakemake.params.words)
    page = run.scans(scans, defects, folds, lungs, agreement, said.organ if said else "")
    page.write(output.scans, said)
    page = run.run(
        Path(inputs.config).read_text(),
        provenance.versions(),
        provenance.commit(Path(snakemake.scriptdir)),
        provenance.data_hash(scans),
        snakemake.params.left_out,
    )
    page.write(output.run, said)


jobs.run(main, snakemake)
