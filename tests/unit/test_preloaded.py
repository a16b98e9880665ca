"""Jobs that fork from a process with the libraries loaded end as their scripts do."""

import contextlib
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from subprocess import CalledProcessError
from types import SimpleNamespace

import pytest

from helpers import preloaded
from helpers.sources import ROOT

THREADS, JOBS = 8, 120


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Run a script of this text as a job, which ends at once as jobs do."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["snakemake.cli", "torch"])
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "workflow"))
    monkeypatch.setattr(preloaded, "benchmarked", lambda pid, record: contextlib.nullcontext())
    job = SimpleNamespace(threads=1, bench_record=None)

    def run(text: str) -> None:
        script = tmp_path / f"{abs(hash(text))}.py"
        script.write_text(text)
        preloaded.execute(processes, job, str(script))

    return run


def test_a_script_has_the_jobs_threads_and_the_library(execute):
    execute("import os, torch, nodules\nassert os.environ['OMP_NUM_THREADS'] == '1'")
    execute("import torch\nassert torch.get_num_threads() == 1")


def test_a_failed_script_is_a_failed_job(execute):
    with pytest.raises(CalledProcessError) as failed:
        execute("import os\nos._exit(3)")
    assert failed.value.returncode == 3


def test_none_of_many_jobs_at_once_is_taken_for_failed(execute):
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(execute, ["import os\nos._exit(0)"] * JOBS))
