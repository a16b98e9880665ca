"""Draw how well the ResNet50 separates candidates, and how well it is calibrated."""

from nodules.base import jobs, tables
from nodules.base.files import read_json
from nodules.report import plotting
from nodules.report.captions import Source, sets_counted
from nodules.report.figures import presence


def main(snakemake):
    """Two figures of the presence ResNet50 on candidates."""
    inputs = snakemake.input
    curves = tables.read(inputs.curves, "presence_curves")
    bins = tables.read(inputs.reliability, "reliability")
    summary = read_json(inputs.summary)
    keys = {"candidates": "n_candidates", "of them on a nodule": "n_positive", "scans": "n_scans"}
    n = sets_counted(summary["sets"], **keys)
    drawn = {
        "presence": (presence.curves(curves, summary), n),
        "reliability": (presence.reliability(bins, summary), n),
    }
    plotting.save_all(drawn, snakemake.output, Source(**snakemake.params.captioned))


jobs.run(main, snakemake)
