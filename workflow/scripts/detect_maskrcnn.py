"""Find candidates in the scans of one part with the Mask R-CNNs that have not seen them."""

from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference.detection import detect, joined
from nodules.inference.maskrcnn import predict, slice_confidence
from nodules.learning.machine import restored, take
from nodules.learning.networks.maskrcnn import build_maskrcnn
from nodules.prepare.stacks import open_stacks


def main(snakemake):
    inputs, output, settings = snakemake.input, snakemake.output, snakemake.params.settings
    uids = folds.part(tables.read(inputs.folds, "folds"), snakemake.wildcards.part)
    device = take(snakemake.threads).device
    networks = [restored(build_maskrcnn(settings, 0), path, device) for path in inputs.models]
    stacks = open_stacks(inputs.stacks, uids, snakemake.params.kind)
    confidences = [tables.frame("slice_confidence")]

    def predictor(stack):
        probability, confidence = predict(networks, stack, settings["context"], device)
        confidences.append(slice_confidence(stack, confidence))
        return probability

    found = detect(
        tqdm(stacks, desc=f"detect {snakemake.wildcards.part}", unit="scan"),
        predictor,
        "maskrcnn",
        snakemake.params.candidates,
        tables.read(inputs.nodules, "nodules"),
        tables.read(inputs.excluded, "excluded"),
    )
    detected = joined(found)
    tables.write(output.candidates, "candidates", detected["candidates"])
    tables.write(output.regions, "regions", detected["regions"])
    tables.write(output.slices, "slice_scores", detected["slices"])
    tables.write(output.confidence, "slice_confidence", tables.stacked(confidences))


jobs.run(main, snakemake)
