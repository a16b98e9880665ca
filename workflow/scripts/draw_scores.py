"""Draw the scores of detection and segmentation."""

from nodules import figures_scores, jobs, plotting, tables
from nodules.files import read_json


def main(snakemake):
    inputs, output = snakemake.input, snakemake.output
    froc = tables.read(inputs.froc, "froc")
    segmentation = tables.read(inputs.segmentation, "segmentation")
    drawn = {
        "froc": figures_scores.froc_curves(froc, read_json(inputs.detection)),
        "dice_by_diameter": figures_scores.dice_by_diameter(segmentation),
    }
    for name, figure in drawn.items():
        plotting.save(figure, output[name])


jobs.run(main, snakemake)
