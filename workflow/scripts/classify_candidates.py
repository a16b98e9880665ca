"""Ask the ResNet50s that have not seen a part's scans about its candidates and slices."""

import pandas as pd
from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference.candidates import classify_candidates, classify_slices
from nodules.learning.machine import restored, take
from nodules.learning.networks.resnet import build_resnet
from nodules.prepare.stacks import open_stacks


def main(snakemake):
    inputs, settings = snakemake.input, snakemake.params.settings
    part = snakemake.wildcards.part
    uids = folds.part(tables.read(inputs.folds, "folds"), part)
    device = take(snakemake.threads).device
    networks = [restored(build_resnet(0), path, device) for path in inputs.models]
    found = {
        name: tables.read(inputs[name], schema)
        for name, schema in (
            ("candidates", "candidates"),
            ("regions", "regions"),
            ("slices", "slice_scores"),
        )
    }
    classified, answered = [tables.frame("classified")], [tables.frame("slice_confidence")]
    stacks = open_stacks(inputs.stacks, uids, snakemake.params.kind)
    for stack in tqdm(stacks, desc=f"classify {part}", unit="scan"):
        own = {name: table[table["seriesuid"] == stack.uid] for name, table in found.items()}
        if len(own["candidates"]):
            classified.append(
                classify_candidates(
                    networks, stack, own["candidates"], own["regions"], settings, device
                )
            )
        answered.append(classify_slices(networks, stack, own["slices"], settings, device))
    for output, name, frames in (
        ("candidates", "classified", classified),
        ("slices", "slice_confidence", answered),
    ):
        filled = [f for f in frames if len(f)] or frames[:1]
        tables.write(snakemake.output[output], name, pd.concat(filled, ignore_index=True))


jobs.run(main, snakemake)
