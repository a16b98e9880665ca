"""Draw how well malignant nodules are told from benign ones."""

from nodules.base import jobs, tables
from nodules.base.files import read_json
from nodules.report import plotting
from nodules.report.figures import malignancy


def main(snakemake):
    """Three figures of benign or malignant."""
    inputs, output = snakemake.input, snakemake.output
    nodules = tables.read(inputs.nodules, "malignancy_nodules")
    curves = tables.read(inputs.curves, "malignancy_curves")
    found = read_json(inputs.summary)
    drawn = {
        "malignancy_roc": malignancy.roc(curves, found),
        "malignancy_differences": malignancy.differences(found),
        "malignancy_by_diameter": malignancy.probability_by_diameter(nodules, found),
    }
    for name, figure in drawn.items():
        plotting.save(figure, output[name])


jobs.run(main, snakemake)
