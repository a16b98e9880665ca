"""Draw the scores of detection, classification and segmentation."""

from nodules import figures_scores, jobs, plotting, tables
from nodules.files import read_json


def main(snakemake):
    inputs, output = snakemake.input, snakemake.output
    froc = tables.read(inputs.froc, "froc")
    curves = tables.read(inputs.curves, "classification_curves")
    bins = tables.read(inputs.reliability, "reliability")
    segmentation = tables.read(inputs.segmentation, "segmentation")
    classified = read_json(inputs.classification)
    drawn = {
        "froc": figures_scores.froc_curves(froc, read_json(inputs.detection)),
        "classification": figures_scores.classification(curves, classified),
        "reliability": figures_scores.reliability(bins, classified),
        "dice_by_diameter": figures_scores.dice_by_diameter(segmentation),
    }
    for name, figure in drawn.items():
        plotting.save(figure, output[name])


jobs.run(main, snakemake)
