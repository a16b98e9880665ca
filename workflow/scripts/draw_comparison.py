"""Draw the two stages beside Mask R-CNN: confidence over slices, time and memory."""

from nodules.base import jobs, tables
from nodules.report import plotting
from nodules.report.figures.comparison import confidence_by_system, system_costs


def main(snakemake):
    """Two figures of the two stages beside Mask R-CNN."""
    inputs, output = snakemake.input, snakemake.output
    slices = tables.read(inputs.slices, "comparison_slices")
    comparison = tables.read(inputs.comparison, "comparison")
    drawn = {
        "confidence_by_system": confidence_by_system(slices, comparison),
        "system_costs": system_costs(tables.read(inputs.costs, "system_costs")),
    }
    for name, figure in drawn.items():
        plotting.save(figure, output[name])


jobs.run(main, snakemake)
