"""Show where the malignancy ResNet50s look, and measure whether it depends on what they learned."""

from nodules.base import jobs, tables
from nodules.base.files import write_json
from nodules.datasets import folds
from nodules.evaluation.explanations import summarise
from nodules.inference import explanations
from nodules.learning.machine import restored, take
from nodules.learning.networks.resnet import build_resnet
from nodules.prepare.stacks import open_stacks
from nodules.report import plotting
from nodules.report.figures.explanations import choose, draw
from nodules.stats.seeds import derive
from nodules.stats.votes import combine


def main(snakemake):
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    settings = params.settings
    device = take(snakemake.threads).device
    uids = folds.part(tables.read(inputs.folds, "folds"), params.part)
    nodules = explanations.nodules_of(
        [restored(build_resnet(0), path, device) for path in inputs.models],
        open_stacks(inputs.stacks, uids, params.kind),
        tables.read(inputs.labels, "malignancy_labels"),
        combine(tables.read(inputs.scores, "malignancy_scores"), params.vote),
        settings,
        derive(params.seed, "explanations"),
        device,
    )
    table = explanations.measure(nodules)
    stage = explanations.stage(settings["crop_px"])
    summary = summarise(table, params.part, stage, params.bootstrap, params.seed)
    tables.write(output.table, "explanations", table)
    write_json(output.summary, summary)
    chosen = choose(nodules, params.most)
    figure = draw(chosen, settings["crop_mm"], summary["statement"], params.part)
    plotting.save(figure, [output.picture])


jobs.run(main, snakemake)
