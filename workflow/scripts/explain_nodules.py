"""Compute explanation maps of the malignancy ResNet50s, and check them with random weights."""

from nodules.base import jobs, tables
from nodules.base.files import write_json
from nodules.datasets import folds
from nodules.evaluation.explanations import summarise
from nodules.inference import explanations
from nodules.learning.machine import of_job
from nodules.learning.networks import bundle
from nodules.prepare.crops import CropSize
from nodules.prepare.stacks import open_stacks
from nodules.stats.seeds import derive
from nodules.stats.votes import combine


def main(snakemake):
    """Measures of all maps, and those of a few nodules to be drawn."""
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    device = of_job(snakemake).device
    models = [bundle.restore(path, device) for path in inputs.models]
    size = CropSize(**models[0].input["crops"])
    uids = folds.part(tables.read(inputs.folds, "folds"), params.part)
    nodules = explanations.nodules_of(
        [m.network for m in models],
        open_stacks(inputs.stacks, uids, params.kind),
        tables.read(inputs.labels, "malignancy_labels"),
        combine(tables.read(inputs.scores, "malignancy_scores"), params.vote),
        size,
        derive(params.seed, "explanations"),
        device,
    )
    table = explanations.measure(nodules)
    stage = explanations.stage(size.px)
    summary = summarise(table, params.part, stage, params.bootstrap, params.seed)
    tables.write(output.table, "explanations", table)
    write_json(output.summary, summary | {"crop_mm": size.mm})
    explanations.write(output.maps, explanations.choose(nodules, params.most))


jobs.run(main, snakemake)
