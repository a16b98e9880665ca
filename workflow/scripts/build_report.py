"""Let Snakemake collect the report into one HTML file."""

import logging
import os
import subprocess
import tempfile
from pathlib import Path

from nodules.base import jobs
from nodules.base.files import UserError, atomic
from nodules.report import words

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
        with tempfile.TemporaryDirectory() as folder:
            own = _captions(inputs.captions, params.words, Path(folder))
            done = subprocess.run(
                [*command, "--", *inputs.shown],
                capture_output=True,
                text=True,
                env=os.environ | own,
            )
        log.info(done.stdout + done.stderr)
        if done.returncode:
            raise UserError(
                f"{snakemake.output[0]}: snakemake --report ended with exit code"
                f" {done.returncode}. Its messages stand above and in {snakemake.log[0]}."
            )


def _captions(paths, said, folder):
    """Where Snakemake finds captions: a folder of those in the data set's own words, if any."""
    if not said:
        return {}
    for path in (Path(path) for path in paths if path.endswith(".rst")):
        (folder / path.name).write_text(words.in_text(words.of(said), path.read_text()))
    return {"NODULES_CAPTIONS": str(folder)}


jobs.run(main, snakemake)
