"""Detect candidates in a part's scans with Mask R-CNNs that were not trained on them."""

from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference.detection import CandidateSettings, detect, joined
from nodules.inference.maskrcnn import predict, slice_confidence
from nodules.learning.machine import of_job
from nodules.learning.networks import bundle
from nodules.prepare.stacks import open_stacks


def main(snakemake):
    """Candidates, their regions and a confidence for each slice."""
    inputs, output, part = snakemake.input, snakemake.output, snakemake.wildcards.part
    uids = folds.part(tables.read(inputs.folds, "folds"), part)
    device = of_job(snakemake).device
    models = [bundle.restore(path, device) for path in inputs.models]
    networks, context = [m.network for m in models], models[0].input["context"]
    confidences = [tables.frame("slice_confidence")]

    def predictor(stack):
        probability, confidence = predict(networks, stack, context, device)
        confidences.append(slice_confidence(stack.uid, confidence))
        return probability

    stacks = tqdm(open_stacks(inputs.stacks, uids), desc=f"detect {part}", unit="scan")
    settings = CandidateSettings(**snakemake.params.candidates)
    found = joined(detect(stacks, predictor, "maskrcnn", settings))
    tables.write(output.candidates, "candidates", found.candidates)
    tables.write(output.regions, "regions", found.regions)
    tables.write(output.confidence, "slice_confidence", tables.stacked(confidences))


jobs.run(main, snakemake)
