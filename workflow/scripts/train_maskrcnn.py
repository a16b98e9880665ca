"""Train the Mask R-CNN of one fold on the slices that the U-Net is trained on."""

from nodules.base import jobs, tables
from nodules.learning.loop import train
from nodules.learning.machine import take
from nodules.learning.networks.maskrcnn import build_maskrcnn
from nodules.learning.networks.weights import save_state
from nodules.learning.state import Plan, fingerprint
from nodules.learning.tasks.instances import InstanceTask
from nodules.prepare.stacks import open_fold
from nodules.stats.seeds import derive


def main(snakemake):
    seed, fold = snakemake.params.seed, int(snakemake.wildcards.fold)
    settings, inputs = snakemake.params.settings, snakemake.input
    machine = take(snakemake.threads)
    task = InstanceTask(
        *open_fold(inputs.folds, inputs.stacks, fold, snakemake.params.kind),
        settings,
        seed,
        fold,
    )
    weights = [str(path) for path in [inputs.get("weights")] if path]
    decides = [settings, snakemake.params.kind, seed, fold, *machine.arithmetic]
    plan = Plan.build(
        "maskrcnn",
        fold,
        settings,
        seed,
        snakemake.output.model,
        fingerprint(decides, [inputs.folds, *inputs.stacks, *weights], inputs.code),
        machine.workers,
    )
    network = build_maskrcnn(settings, derive(seed, "maskrcnn", fold, "weights"), *weights)
    history = train(network, task, plan, machine.device)
    tables.write(snakemake.output.history, "history", history)
    save_state(snakemake.output.model, network)


jobs.run(main, snakemake)
