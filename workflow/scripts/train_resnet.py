"""Train the ResNet50 of one fold on nodules, false alarms and other places without a nodule."""

from nodules.base import jobs, tables
from nodules.learning.loop import train
from nodules.learning.machine import take
from nodules.learning.networks.resnet import build_resnet
from nodules.learning.networks.weights import save_state
from nodules.learning.state import Plan, fingerprint
from nodules.learning.tasks.presence import CropTask, Sources
from nodules.prepare.stacks import open_fold
from nodules.stats.seeds import derive


def main(snakemake):
    seed, fold = snakemake.params.seed, int(snakemake.wildcards.fold)
    settings, inputs = snakemake.params.settings, snakemake.input
    machine = take(snakemake.threads)
    sources = Sources(
        tables.read_all(inputs.candidates, "candidates"),
        tables.read_all(inputs.regions, "regions"),
        tables.read_all(inputs.slices, "slice_scores"),
        tables.read(inputs.locations, "locations"),
    )
    task = CropTask(
        *open_fold(inputs.folds, inputs.stacks, fold, snakemake.params.kind),
        sources,
        settings,
        seed,
        fold,
    )
    found = [*inputs.candidates, *inputs.regions, *inputs.slices, inputs.locations]
    weights = [str(path) for path in [inputs.get("weights")] if path]
    decides = [settings, snakemake.params.kind, seed, fold, *machine.arithmetic]
    plan = Plan.build(
        "resnet",
        fold,
        settings,
        seed,
        snakemake.output.model,
        fingerprint(decides, [inputs.folds, *inputs.stacks, *found, *weights], inputs.code),
        machine.workers,
    )
    network = build_resnet(derive(seed, "resnet", fold, "weights"), *weights)
    history = train(network, task, plan, machine.device)
    tables.write(snakemake.output.history, "history", history)
    save_state(snakemake.output.model, network)


jobs.run(main, snakemake)
