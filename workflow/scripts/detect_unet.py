"""Find candidates in the scans of one part with the U-Nets that have not seen them."""

import pandas as pd
from tqdm import tqdm

from nodules import folds, jobs, tables
from nodules.detection import detect, predict
from nodules.networks import build_unet, pick_device
from nodules.stacks import open_stacks
from nodules.training import limit_threads, restored


def main(snakemake):
    inputs, settings = snakemake.input, snakemake.params.settings
    uids = folds.part(tables.read(inputs.folds, "folds"), snakemake.wildcards.part)
    limit_threads(snakemake.threads)
    device = pick_device()
    networks = [restored(build_unet(settings, 0), path, device) for path in inputs.models]
    stacks = open_stacks(inputs.stacks, uids, snakemake.params.kind)
    found = detect(
        tqdm(stacks, desc=f"detect {snakemake.wildcards.part}", unit="scan"),
        lambda stack: predict(networks, stack, settings["context"], device),
        "unet",
        snakemake.params.candidates,
        tables.read(inputs.nodules, "nodules"),
        tables.read(inputs.excluded, "excluded"),
    )
    names = {"candidates": "candidates", "regions": "regions", "slices": "slice_scores"}
    parts = [[tables.frame(name) for name in names.values()], *found]
    for (output, name), frames in zip(names.items(), zip(*parts, strict=True), strict=True):
        filled = [f for f in frames if len(f)] or list(frames[:1])
        tables.write(snakemake.output[output], name, pd.concat(filled, ignore_index=True))


jobs.run(main, snakemake)
