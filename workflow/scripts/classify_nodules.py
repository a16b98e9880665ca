"""Ask the malignancy ResNet50s that have not seen a part's scans about its nodules."""

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference.malignancy import classify
from nodules.learning.machine import restored, take
from nodules.learning.networks.resnet import build_resnet
from nodules.prepare.stacks import open_stacks


def main(snakemake):
    inputs, settings = snakemake.input, snakemake.params.settings
    uids = folds.part(tables.read(inputs.folds, "folds"), snakemake.wildcards.part)
    device = take(snakemake.threads).device
    networks = [restored(build_resnet(0), path, device) for path in inputs.models]
    stacks = open_stacks(inputs.stacks, uids, snakemake.params.kind)
    labels = tables.read(inputs.labels, "malignancy_labels")
    scores = classify(networks, stacks, labels, settings, device)
    tables.write(snakemake.output.scores, "malignancy_scores", scores)


jobs.run(main, snakemake)
