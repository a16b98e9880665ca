"""Draw systems side by side: confidence over slices, time and memory."""

from nodules.base import jobs, tables
from nodules.report import plotting
from nodules.report.figures.comparison import confidence_by_system, system_costs


def main(snakemake):
    """Confidence where two systems give one for each slice, and the costs of all."""
    inputs, output = snakemake.input, snakemake.output
    slices = tables.read(inputs.slices, "comparison_slices")
    comparison = tables.read(inputs.comparison, "comparison")
    costs = tables.read(inputs.costs, "system_costs")
    plotting.save(system_costs(costs), output.system_costs)
    if output.get("confidence_by_system"):
        figure = confidence_by_system(slices, comparison)
        plotting.save(figure, output.confidence_by_system)


jobs.run(main, snakemake)
