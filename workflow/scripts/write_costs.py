"""Write the page of time and memory that each rule has taken."""

from pathlib import Path

from nodules import jobs, provenance, report_pages


def main(snakemake):
    # All but this job's own file, which is not written yet, or is an earlier run's.
    measured = sorted(Path("results/benchmarks").rglob("*.tsv"))
    costs = provenance.costs(path for path in measured if path.parent.name != snakemake.rule)
    report_pages.costs(costs).write(snakemake.output[0])


jobs.run(main, snakemake)
