"""Classify reference nodules with malignancy networks that were not trained on their scans."""

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference.malignancy import classify
from nodules.learning.machine import of_job
from nodules.learning.networks import bundle
from nodules.prepare.crops import CropSize
from nodules.prepare.nodules import gather
from nodules.prepare.stacks import open_stacks


def main(snakemake):
    """Each network's answer on every reference nodule, rated or not."""
    inputs = snakemake.input
    uids = folds.part(tables.read(inputs.folds, "folds"), snakemake.wildcards.part)
    device = of_job(snakemake).device
    models = [bundle.restore(path, device) for path in inputs.models]
    asked = models[0].input
    stacks = open_stacks(inputs.stacks, uids, snakemake.params.kind)
    listed, size = tables.read(inputs.nodules, "nodules"), CropSize(**asked["crops"])
    nodules = gather(stacks, listed, asked["crops_per_nodule"], size.view)
    scores = classify([m.network for m in models], stacks, nodules, size, device)
    tables.write(snakemake.output.scores, "malignancy_scores", scores)


jobs.run(main, snakemake)
