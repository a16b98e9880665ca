"""Compute the attention U-Net's gate maps in scans that it was not trained on."""

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference import gates
from nodules.learning.machine import of_job
from nodules.learning.networks import bundle
from nodules.prepare.stacks import open_stacks


def main(snakemake):
    """Maps of a few nodules, to be drawn."""
    inputs, params = snakemake.input, snakemake.params
    device = of_job(snakemake).device
    models = [bundle.restore(path, device) for path in inputs.models]
    found = gates.gated(
        [m.network for m in models],
        open_stacks(
            inputs.stacks, folds.part(tables.read(inputs.folds, "folds"), params.part), params.kind
        ),
        tables.read(inputs.nodules, "nodules"),
        params.most,
        models[0].input["context"],
        device,
    )
    gates.write(snakemake.output.maps, found)


jobs.run(main, snakemake)
