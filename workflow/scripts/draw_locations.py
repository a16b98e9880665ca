"""Draw the FROC of the false-positive-reduction track."""

from nodules.base import jobs, tables
from nodules.base.files import read_json
from nodules.evaluation import names
from nodules.report import plotting
from nodules.report.captions import Source, sets_counted
from nodules.report.figures import detection


def main(snakemake):
    """One figure of given locations."""
    inputs, output = snakemake.input, snakemake.output
    curves, found = tables.read(inputs.froc, "froc"), read_json(inputs.summary)
    ceilings = {name: own["reached"]["value"] for name, own in found["list"].items()}
    figure = detection.froc_curves(curves, found, names.REDUCERS, ceilings)
    sets = next(iter(found["systems"].values()), {})
    n = sets_counted(sets, scans="n_scans", nodules="n_nodules")
    plotting.save_all({"locations_froc": (figure, n)}, output, Source(**snakemake.params.captioned))


jobs.run(main, snakemake)
