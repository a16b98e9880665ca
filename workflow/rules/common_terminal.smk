# Terminal output of a run.
from collections import Counter

from snakemake.logging import logger

from nodules.base import terminal
from nodules.report import closing

# No progress bars in files.
if not sys.stderr.isatty():
    os.environ.setdefault("TQDM_DISABLE", "1")


def outstanding():
    """Number of remaining jobs by rule."""
    return Counter(job.rule.name for job in workflow.dag.needrun_jobs())


def scans_are_real():
    """Whether the scans are real, and so take longer than a phantom's."""
    return config["data"]["source"] not in ("phantom", "ellipsoid")


# With --verbose, --quiet or --dry-run, Snakemake's own output is left unchanged.
TERMINAL = None
asked_for = workflow.output_settings
if workflow.is_main_process and not (asked_for.verbose or asked_for.quiet or asked_for.dryrun):
    TERMINAL = terminal.attach(logger, outstanding, scans_are_real)


onsuccess:
    if TERMINAL:
        TERMINAL.last_word(closing.lines(Path("results"), TERMINAL.rules_done), failed=False)


onerror:
    if TERMINAL:
        TERMINAL.last_word([], failed=True)
