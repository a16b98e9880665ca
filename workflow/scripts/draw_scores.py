"""Draw the scores of detection and segmentation."""

from nodules.base import jobs, tables
from nodules.base.files import read_json
from nodules.report import plotting
from nodules.report.figures import detection


def main(snakemake):
    """Two figures of detection and segmentation."""
    inputs, output = snakemake.input, snakemake.output
    froc = tables.read(inputs.froc, "froc")
    segmentation = tables.read(inputs.segmentation, "segmentation")
    drawn = {
        "froc": detection.froc_curves(froc, read_json(inputs.detection)),
        "dice_by_diameter": detection.dice_by_diameter(segmentation),
    }
    for name, figure in drawn.items():
        plotting.save(figure, output[name])


jobs.run(main, snakemake)
