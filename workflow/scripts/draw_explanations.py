"""Draw the explanation maps of the malignancy ResNet50s."""

from nodules.base import jobs
from nodules.base.files import read_json
from nodules.inference import explanations
from nodules.report import plotting
from nodules.report.figures.explanations import draw


def main(snakemake):
    """CT, Grad-CAM and saliency of a few nodules, and what the measures of all say."""
    found = read_json(snakemake.input.summary)
    nodules = explanations.read(snakemake.input.maps)
    figure = draw(nodules, found["crop_mm"], found["statement"], found["part"])
    plotting.save(figure, [snakemake.output.picture])


jobs.run(main, snakemake)
