"""Train the U-Net of one fold."""

from nodules.base import jobs, tables
from nodules.learning.loop import train
from nodules.learning.machine import take
from nodules.learning.networks.unet import build_unet
from nodules.learning.networks.weights import save_state
from nodules.learning.state import Plan, fingerprint
from nodules.learning.tasks.slices import SliceTask
from nodules.prepare.stacks import open_fold
from nodules.stats.seeds import derive


def main(snakemake):
    seed, fold = snakemake.params.seed, int(snakemake.wildcards.fold)
    settings, inputs = snakemake.params.settings, snakemake.input
    machine = take(snakemake.threads)
    task = SliceTask(
        *open_fold(inputs.folds, inputs.stacks, fold, snakemake.params.kind),
        settings,
        seed,
        fold,
    )
    decides = [settings, snakemake.params.kind, seed, fold, *machine.arithmetic]
    plan = Plan.build(
        "unet",
        fold,
        settings,
        seed,
        snakemake.output.model,
        fingerprint(decides, [inputs.folds, *inputs.stacks], inputs.code),
        machine.workers,
    )
    network = build_unet(settings, derive(seed, "unet", fold, "weights"))
    history = train(network, task, plan, machine.device)
    tables.write(snakemake.output.history, "history", history)
    save_state(snakemake.output.model, network)


jobs.run(main, snakemake)
