"""Show where the malignancy ResNet50s look, and measure whether it depends on what they learned."""

from nodules import (
    explanation_figure,
    explanation_scores,
    explanations,
    folds,
    jobs,
    plotting,
    tables,
)
from nodules.ensembles import combine
from nodules.files import write_json
from nodules.machine import take
from nodules.networks import build_resnet
from nodules.seeds import derive
from nodules.stacks import open_stacks
from nodules.training import restored


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
    summary = explanation_scores.summarise(table, params.part, stage, params.bootstrap, params.seed)
    tables.write(output.table, "explanations", table)
    write_json(output.summary, summary)
    chosen = explanation_figure.choose(nodules, params.most)
    figure = explanation_figure.draw(chosen, settings["crop_mm"], summary["statement"], params.part)
    plotting.save(figure, [output.picture])


jobs.run(main, snakemake)
