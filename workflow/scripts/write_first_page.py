"""Write the first page of the results: the main result, and links to everything else."""

from pathlib import Path

import yaml

from nodules.base import jobs, provenance, tables
from nodules.base.files import read_json, write_text
from nodules.report import words
from nodules.report.pages import files, first


def main(snakemake):
    """One page beside the results that it links to."""
    inputs, params, page = snakemake.input, snakemake.params, Path(snakemake.output[0])
    run = first.Run(
        metrics=tables.read(inputs.metrics, "metrics"),
        detection=read_json(inputs.detection),
        config=yaml.safe_load(Path(inputs.config).read_text()),
        folds=tables.read(inputs.folds, "folds"),
        commit=provenance.commit(Path(snakemake.scriptdir), 10),
        files=files.find(page.parent, params.figures, params.pages, but=snakemake.rule),
        left_out=list(params.left_out),
    )
    write_text(page, words.in_html(words.of(params.words), first.html(run)))


jobs.run(main, snakemake)
