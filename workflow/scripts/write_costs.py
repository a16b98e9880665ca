"""Write the page with each rule's time and memory."""

from pathlib import Path

from nodules.base import jobs
from nodules.evaluation.costs import rule_costs
from nodules.report.pages import costs as pages_costs


def main(snakemake):
    """One page from the benchmark files of all jobs."""
    # All but this job's own file, which is not written yet, or is an earlier run's.
    measured = sorted(Path("results/benchmarks").rglob("*.tsv"))
    costs = rule_costs(path for path in measured if path.parent.name != snakemake.rule)
    pages_costs.costs(costs).write(snakemake.output[0])


jobs.run(main, snakemake)
