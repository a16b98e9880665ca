"""Snakemake, but each script runs in a fork of one process that has loaded the large libraries.

Starting Python and loading PyTorch, anew for each job, is half of a tiny run's time. Nothing else
differs from `python -m snakemake`: tests/reliability/test_kills.py compares such a run, byte by
byte, with one whose jobs start as users' do. So do the jobs of all runs that are killed, of those
on a cluster, and of `make run`.
"""

import multiprocessing
import os
import runpy
import sys
import threading
from collections.abc import Mapping
from multiprocessing import connection
from multiprocessing.context import ForkServerContext
from subprocess import CalledProcessError

from snakemake import benchmark, cli
from snakemake.benchmark import benchmarked
from snakemake.script import PythonScript

LIBRARIES = [
    "snakemake.cli",  # each fork imports this file, too
    *("numpy", "pandas", "pyarrow.parquet", "scipy.ndimage", "scipy.stats", "matplotlib.pyplot"),
    *("torch", "torch._dynamo", "torchvision", "SimpleITK", "cv2"),
]
# Snakemake has a thread for each job. Whoever starts a process also asks the ended ones how they
# did, and only the first to ask is told: another thread would take a success for a failure.
ONE_AT_A_TIME = threading.Lock()
# As snakemake.shell sets them, from the rule's threads.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    """Run Snakemake with the arguments of this process."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(LIBRARIES)
    # To measure a process is to read its whole memory map: twice a second, a tenth of a tiny run.
    benchmark.BENCHMARK_INTERVAL_SHORT = 10
    PythonScript.execute_script = lambda job, fname, edit=False: execute(processes, job, fname)
    cli.main()


def execute(processes: ForkServerContext, job: PythonScript, fname: str) -> None:
    """Run a job's script, measured like any other, and raise what Snakemake raises if it fails."""
    environment = os.environ | dict.fromkeys(THREADS, str(job.threads))
    process = processes.Process(target=run, args=(fname, environment, job.threads))
    with ONE_AT_A_TIME:
        process.start()
    with benchmarked(process.pid, job.bench_record):
        connection.wait([process.sentinel])
    with ONE_AT_A_TIME:
        process.join()
    if process.exitcode:
        raise CalledProcessError(process.exitcode, fname)


def run(script: str, environment: Mapping[str, str], threads: int) -> None:
    """Run a script as Python does that has just been started in this environment."""
    import torch

    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(threads)
    sys.argv = [script]
    sys.path[:0] = environment["PYTHONPATH"].split(os.pathsep)
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
