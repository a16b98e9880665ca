"""Train the U-Net of one fold."""

from nodules import jobs, tables
from nodules.networks import build_unet, pick_device, save_state
from nodules.seeds import derive
from nodules.segmentation import SliceTask
from nodules.stacks import open_fold
from nodules.training import Plan, fingerprint, limit_threads, train, workers


def main(snakemake):
    seed, fold = snakemake.params.seed, int(snakemake.wildcards.fold)
    settings, inputs = snakemake.params.settings, snakemake.input
    limit_threads(snakemake.threads)
    device = pick_device()
    task = SliceTask(
        *open_fold(inputs.folds, inputs.stacks, fold, snakemake.params.kind),
        settings,
        seed,
        fold,
    )
    decides = [settings, snakemake.params.kind, seed, fold, device.type, snakemake.threads]
    plan = Plan.build(
        "unet",
        fold,
        settings,
        seed,
        snakemake.output.model,
        fingerprint(decides, [inputs.folds, *inputs.stacks], inputs.code),
        workers(device, snakemake.threads),
    )
    network = build_unet(settings, derive(seed, "unet", fold, "weights"))
    history = train(network, task, plan, device)
    tables.write(snakemake.output.history, "history", history)
    save_state(snakemake.output.model, network)


jobs.run(main, snakemake)
