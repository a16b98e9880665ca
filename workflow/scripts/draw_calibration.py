"""Draw the calibration of each system's scores, by candidate size."""

from nodules.base import jobs, tables
from nodules.report import lookup, plotting
from nodules.report.captions import Source, counted
from nodules.report.figures import calibration


def main(snakemake):
    """One figure of all systems."""
    found = tables.read(snakemake.input.calibration, "calibration")
    shown = lookup.main_set(found)
    own = lookup.rows(found, set=shown, measure="share", group="")
    n = counted(
        shown,
        candidates=int(own["n"].sum()),
        **{"of them on a nodule": int(own["n_nodules"].sum())},
    )
    drawn = {"calibration_by_size": (calibration.by_size(found), f"{n}, over all systems")}
    plotting.save_all(drawn, snakemake.output, Source(**snakemake.params.captioned))


jobs.run(main, snakemake)
