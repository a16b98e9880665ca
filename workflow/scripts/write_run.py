"""Write the pages of scans used and skipped, and of the run's config and versions."""

from pathlib import Path

from nodules import jobs, provenance, report_pages, tables


def main(snakemake):
    inputs, output = snakemake.input, snakemake.output
    scans = tables.read(inputs.scans, "scans")
    folds = tables.read(inputs.folds, "folds")
    defects = tables.read(inputs.defects, "defects")
    report_pages.scans(scans, defects, folds).write(output.scans)
    page = report_pages.run(
        Path(inputs.config).read_text(),
        provenance.versions(),
        provenance.commit(Path(snakemake.scriptdir)),
        provenance.data_hash(scans),
    )
    page.write(output.run)


jobs.run(main, snakemake)
