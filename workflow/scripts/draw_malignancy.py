"""Draw how well malignant nodules are told from benign ones."""

from nodules import figures_malignancy, jobs, plotting, tables
from nodules.files import read_json


def main(snakemake):
    inputs, output = snakemake.input, snakemake.output
    nodules = tables.read(inputs.nodules, "malignancy_nodules")
    curves = tables.read(inputs.curves, "malignancy_curves")
    found = read_json(inputs.summary)
    drawn = {
        "malignancy_roc": figures_malignancy.roc(curves, found),
        "malignancy_differences": figures_malignancy.differences(found),
        "malignancy_by_diameter": figures_malignancy.probability_by_diameter(nodules, found),
    }
    for name, figure in drawn.items():
        plotting.save(figure, output[name])


jobs.run(main, snakemake)
