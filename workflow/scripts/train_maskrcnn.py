"""Train the Mask R-CNN of one fold on the slices that the U-Net is trained on."""

from nodules import jobs, tables
from nodules.instances import InstanceTask
from nodules.machine import take
from nodules.maskrcnn import build_maskrcnn
from nodules.networks import save_state
from nodules.seeds import derive
from nodules.stacks import open_fold
from nodules.training import Plan, fingerprint, train


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
