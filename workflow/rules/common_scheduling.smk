# A workaround for how Snakemake schedules jobs.
onstart:
    # If job starts are rate-limited, Snakemake 9.27 adds a timer whenever it looks for jobs to
    # start: the timers pile up until the run ends and take half a core (docs/benchmarks.md). A
    # limit that is at least the number of jobs never delays one, so it can go.
    rate = getattr(workflow.scheduler, "job_rate_limiter", None)
    if rate and rate.max_jobs >= len(workflow.dag):
        workflow.scheduler.job_rate_limiter = None
