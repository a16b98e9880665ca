"""Find candidates in the scans of one part with the U-Nets that have not seen them."""

from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference.detection import detect, joined, predict
from nodules.learning.machine import restored, take
from nodules.learning.networks.unet import build_unet
from nodules.prepare.stacks import open_stacks


def main(snakemake):
    inputs, settings = snakemake.input, snakemake.params.settings
    uids = folds.part(tables.read(inputs.folds, "folds"), snakemake.wildcards.part)
    device = take(snakemake.threads).device
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
    detected = joined(found)
    tables.write(snakemake.output.candidates, "candidates", detected["candidates"])
    tables.write(snakemake.output.regions, "regions", detected["regions"])
    tables.write(snakemake.output.slices, "slice_scores", detected["slices"])


jobs.run(main, snakemake)
