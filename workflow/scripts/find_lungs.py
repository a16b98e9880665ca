"""Segment one scan's lungs with lung U-Nets that were not trained on its patient."""

from pathlib import Path

import torch

from nodules.base import jobs, tables
from nodules.base.files import write_array
from nodules.datasets.unseen import unseen_by
from nodules.inference.lungs import probability
from nodules.learning.networks import bundle
from nodules.prepare.stacks import Stack


def main(snakemake):
    """The mean probability of lung in every pixel of the coarse slices."""
    inputs, uid = snakemake.input, snakemake.wildcards.uid
    torch.set_num_threads(snakemake.threads)
    device = torch.device("cpu")
    folds = unseen_by(tables.read(inputs.folds, "folds"), uid)
    paths = {Path(path).parent.name: path for path in inputs.models}
    models = [bundle.restore(paths[f"fold_{fold}"], device) for fold in folds]
    jobs.log.info("%s: asked the networks of folds %s", uid, ", ".join(map(str, folds)))
    stack = Stack(uid, Path(inputs.stack), Path(inputs.table), None, "")
    write_array(snakemake.output.answer, probability(models, stack, device))


jobs.run(main, snakemake)
