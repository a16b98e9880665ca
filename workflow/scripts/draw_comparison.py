"""Draw the systems side by side: confidence across slices, time and memory."""

from nodules.base import jobs, tables
from nodules.report import lookup, plotting
from nodules.report.captions import Source, counted
from nodules.report.figures.comparison import confidence_by_system, system_costs


def main(snakemake):
    """Confidence where two systems give one for each slice, and the costs of all."""
    inputs, output = snakemake.input, snakemake.output
    slices = tables.read(inputs.slices, "comparison_slices")
    comparison = tables.read(inputs.comparison, "comparison")
    costs = tables.read(inputs.costs, "system_costs")
    jobs_shown = len(costs.drop_duplicates(["model", "step", "part"]))
    drawn = {"system_costs": (system_costs(costs), f"n = {jobs_shown:,} jobs")}
    if output.get("confidence_by_system"):
        name = lookup.main_set(slices)
        own = lookup.rows(slices, set=name)
        n = counted(name, slices=own["index"].nunique(), scans=own["seriesuid"].nunique())
        drawn["confidence_by_system"] = (confidence_by_system(slices, comparison), n)
    plotting.save_all(drawn, output, Source(**snakemake.params.captioned))


jobs.run(main, snakemake)
