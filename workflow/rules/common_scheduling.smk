# How Snakemake looks for jobs to start.
onstart:
    # Wherever a rate is set, Snakemake 9.27 looks anew for jobs, for every job that is done and for
    # the rest of the run: half a core, at last (docs/benchmarks.md). A rate that holds nothing back
    # is none.
    rate = getattr(workflow.scheduler, "job_rate_limiter", None)
    if rate and rate.max_jobs >= (workflow.nodes or workflow.cores):
        workflow.scheduler.job_rate_limiter = None
