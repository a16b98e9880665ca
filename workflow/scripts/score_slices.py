"""Compare the U-Net's pixels with the masks, slice by slice: loss and overlap."""

from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.evaluation.slices import complete, score_slice
from nodules.inference.detection import batches
from nodules.learning.machine import of_job
from nodules.learning.networks import bundle
from nodules.prepare.stacks import open_stacks


def main(snakemake):
    """Only slices with a nodule are shown to the networks again: of others the loss is known."""
    inputs, params, part = snakemake.input, snakemake.params, snakemake.wildcards.part
    uids = folds.part(tables.read(inputs.folds, "folds"), part)
    device = of_job(snakemake).device
    models = [bundle.restore(path, device) for path in inputs.models]
    networks, context = [m.network for m in models], models[0].input["context"]
    scored = []
    stacks = open_stacks(inputs.stacks, uids, params.kind)
    for stack in tqdm(stacks, desc=f"score {part}", unit="scan"):
        wanted = set(stack.nodule_slices.tolist())
        for slices, planes in batches(networks, stack, context, device, wanted):
            scored += [
                score_slice(stack.uid, z, plane, stack.labels(z) > 0, params.pixel_threshold)
                for z, plane in zip(slices, planes, strict=True)
                if z in wanted
            ]
    peaks = tables.read(inputs.peaks, "slice_peaks")
    tables.write(snakemake.output.scores, "slice_scores", complete(peaks, scored))


jobs.run(main, snakemake)
