"""Run the workflow in a folder of its own, as a person would."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Snakemake, with jobs that start fast; -P: Python is not to find the helpers beside it.
PRELOADED = [sys.executable, "-P", str(Path(__file__).with_name("preloaded.py"))]


def run_workflow(workdir: Path, *arguments: str, **options) -> subprocess.CompletedProcess:
    """Run snakemake on the repository's Snakefile; results go to `workdir`/results."""
    command = [*PRELOADED, "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(workdir), "--cores", "2", "--resources", "gpu=1"]
    # As many threads as Snakemake gives: results must not hang on the tests' own setting.
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, env=environment, **options
    )


def succeeded(done: subprocess.CompletedProcess) -> subprocess.CompletedProcess:
    """The finished run, after showing its messages where it failed."""
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done
