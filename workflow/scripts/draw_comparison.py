"""Draw the two stages beside Mask R-CNN: confidence over slices, time and memory."""

from nodules import figures_comparison, jobs, plotting, tables


def main(snakemake):
    inputs, output = snakemake.input, snakemake.output
    slices = tables.read(inputs.slices, "comparison_slices")
    comparison = tables.read(inputs.comparison, "comparison")
    drawn = {
        "confidence_by_system": figures_comparison.confidence_by_system(slices, comparison),
        "system_costs": figures_comparison.system_costs(tables.read(inputs.costs, "system_costs")),
    }
    for name, figure in drawn.items():
        plotting.save(figure, output[name])


jobs.run(main, snakemake)
