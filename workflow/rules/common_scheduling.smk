# How Snakemake looks for jobs to start.
onstart:
    # Where a rate of starts is set, Snakemake 9.27 starts a timer for another look whenever it looks
    # for jobs: looks pile up until the run ends, and take half a core (docs/benchmarks.md). A rate
    # of as many starts as there are jobs holds none back.
    rate = getattr(workflow.scheduler, "job_rate_limiter", None)
    if rate and rate.max_jobs >= len(workflow.dag):
        workflow.scheduler.job_rate_limiter = None
