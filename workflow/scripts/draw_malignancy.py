"""Draw how well malignant nodules are separated from benign ones."""

from nodules.base import jobs, tables
from nodules.base.files import read_json
from nodules.report import plotting
from nodules.report.captions import Source, sets_counted
from nodules.report.figures import malignancy


def main(snakemake):
    """Three figures of benign or malignant."""
    inputs = snakemake.input
    nodules = tables.read(inputs.nodules, "malignancy_nodules")
    curves = tables.read(inputs.curves, "malignancy_curves")
    found = read_json(inputs.summary)
    keys = {"nodules": "n_nodules", "of them malignant": "n_malignant", "patients": "n_patients"}
    main_set = {name: own for name, own in found["sets"].items() if name == found["main_set"]}
    every, leading = sets_counted(found["sets"], **keys), sets_counted(main_set, **keys)
    drawn = {
        "malignancy_roc": (malignancy.roc(curves, found), every),
        "malignancy_differences": (malignancy.differences(found), leading),
        "malignancy_by_diameter": (malignancy.probability_by_diameter(nodules, found), leading),
    }
    plotting.save_all(drawn, snakemake.output, Source(**snakemake.params.captioned))


jobs.run(main, snakemake)
