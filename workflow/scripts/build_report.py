"""Have Snakemake collect the report into one HTML file."""

import logging
import subprocess

from nodules.base import jobs
from nodules.base.files import UserError, atomic

log = logging.getLogger("nodules")


def main(snakemake):
    """One offline HTML file, by a Snakemake of its own over finished files."""
    inputs, params = snakemake.input, snakemake.params
    style = next(path for path in inputs.captions if path.endswith(".css"))
    with atomic(snakemake.output[0]) as temporary:
        # --nolock: the run that this job belongs to holds the lock and waits for it.
        command = [params.python, "-m", "snakemake", "--nolock", "--workflow-profile", "none"]
        command += ["--snakefile", params.snakefile, "--configfile", inputs.config]
        command += ["--report", str(temporary), "--report-stylesheet", style]
        done = subprocess.run([*command, "--", *inputs.shown], capture_output=True, text=True)
        log.info(done.stdout + done.stderr)
        if done.returncode:
            raise UserError(
                f"{snakemake.output[0]}: snakemake --report ended with exit code"
                f" {done.returncode}. Its messages stand above and in {snakemake.log[0]}."
            )


jobs.run(main, snakemake)
