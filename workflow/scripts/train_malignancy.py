"""Train a ResNet50 of one fold to tell malignant from benign nodules."""

from nodules.base import jobs, tables
from nodules.learning.loop import train
from nodules.learning.machine import take
from nodules.learning.networks.resnet import build_resnet
from nodules.learning.networks.weights import save_state
from nodules.learning.state import Plan, fingerprint
from nodules.learning.tasks.malignancy import NoduleTask, divide
from nodules.prepare.stacks import open_fold
from nodules.stats.seeds import derive


def main(snakemake):
    settings, inputs, wildcards = snakemake.params.settings, snakemake.input, snakemake.wildcards
    fold, member = int(wildcards.fold), int(wildcards.member)
    seed = derive(snakemake.params.seed, "malignancy", fold, member)
    machine = take(snakemake.threads)
    stacks = open_fold(inputs.folds, inputs.stacks, fold, snakemake.params.kind)
    sides = divide(
        tables.read(inputs.labels, "malignancy_labels"), tables.read(inputs.folds, "folds"), fold
    )
    task = NoduleTask(*stacks, sides, settings, seed)
    weights = [str(path) for path in [inputs.get("weights")] if path]
    decides = [settings, snakemake.params.kind, seed, *machine.arithmetic]
    data = [inputs.folds, *inputs.stacks, inputs.labels, *weights]
    plan = Plan.build(
        "malignancy",
        fold,
        settings,
        seed,
        snakemake.output.model,
        fingerprint(decides, data, inputs.code),
        machine.workers,
        member,
    )
    network = build_resnet(derive(seed, "weights"), *weights)
    history = train(network, task, plan, machine.device)
    tables.write(snakemake.output.history, "history", history)
    save_state(snakemake.output.model, network)


jobs.run(main, snakemake)
