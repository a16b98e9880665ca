"""Classify a part's candidates and slices with ResNet50s that were not trained on them."""

from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference.candidates import classify_candidates, classify_slices
from nodules.learning.machine import of_job
from nodules.learning.networks import bundle
from nodules.prepare.crops import CropSize
from nodules.prepare.stacks import open_stacks


def main(snakemake):
    """A confidence for each candidate, and for each slice at the U-Net's strongest pixel."""
    inputs, part = snakemake.input, snakemake.wildcards.part
    uids = folds.part(tables.read(inputs.folds, "folds"), part)
    device = of_job(snakemake).device
    models = [bundle.restore(path, device) for path in inputs.models]
    networks, size = [m.network for m in models], CropSize(**models[0].input["crops"])
    names = {"candidates": "candidates", "regions": "regions", "peaks": "slice_peaks"}
    found = {name: tables.read(inputs[name], schema) for name, schema in names.items()}
    classified, answered = [tables.frame("classified")], [tables.frame("slice_confidence")]
    for stack in tqdm(open_stacks(inputs.stacks, uids), desc=f"classify {part}", unit="scan"):
        own = {name: table[table["seriesuid"] == stack.uid] for name, table in found.items()}
        if len(own["candidates"]):
            asked = (own["candidates"], own["regions"])
            classified.append(classify_candidates(networks, stack, *asked, size, device))
        answered.append(classify_slices(networks, stack, own["peaks"], size, device))
    tables.write(snakemake.output.candidates, "classified", tables.stacked(classified))
    tables.write(snakemake.output.slices, "slice_confidence", tables.stacked(answered))


jobs.run(main, snakemake)
