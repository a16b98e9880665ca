"""Draw the gate maps of the attention U-Net."""

from nodules.base import jobs
from nodules.inference import gates
from nodules.report import plotting
from nodules.report.figures.gates import draw


def main(snakemake):
    """CT, answer and gate maps of a few nodules."""
    figure = draw(gates.read(snakemake.input.maps), snakemake.params.part)
    plotting.save(figure, [snakemake.output.picture])


jobs.run(main, snakemake)
