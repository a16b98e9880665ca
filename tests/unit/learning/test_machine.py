"""What a job computes with: its cores, and a GPU that nobody else has."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from helpers.sources import ROOT
from nodules.learning import machine
from nodules.learning.machine import Machine

TAKE = """
import sys
from nodules.learning import machine
machine.torch.cuda.device_count = lambda: 2
machine.torch.cuda.is_available = lambda: True
machine._gpu_name = lambda number: f"{sys.argv[1]}-{number}"
current = []
machine.torch.cuda.set_device = current.append
print(machine.pick_device(), *current, flush=True)
sys.stdin.read()
"""


def test_jobs_beside_each_other_take_different_gpus(tmp_path):
    jobs = []
    for _ in range(3):
        job = subprocess.Popen(
            [sys.executable, "-c", TAKE, tmp_path.name],
            env=os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "TMPDIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        jobs.append((job, job.stdout.readline().strip()))
    for job, _ in jobs:
        job.kill()
        job.communicate()
    # A third job beside two GPUs shares the first visible one rather than fail.
    # Streams, graphs and page-locked memory belong to the current GPU: that is the one it took.
    assert [device for _, device in jobs] == ["cuda:0 0", "cuda:1 1", "cuda"]


def test_without_a_gpu_the_cpu_is_taken(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert machine.pick_device() == torch.device("cpu")


def test_no_more_threads_are_used_than_there_are_cores(monkeypatch):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda process: {0, 1, 2})
    monkeypatch.setattr(machine, "pick_device", lambda: torch.device("cpu"))
    assert machine.take(8) == Machine(torch.device("cpu"), 3)
    assert torch.get_num_threads() == 3
    assert machine.take(2).threads == torch.get_num_threads() == 2


def test_a_training_on_a_gpu_goes_on_with_another_number_of_threads_but_not_on_the_cpu():
    gpu, cpu = torch.device("cuda", 1), torch.device("cpu")
    assert Machine(gpu, 8).arithmetic == Machine(torch.device("cuda", 0), 2).arithmetic
    assert Machine(cpu, 8).arithmetic != Machine(cpu, 2).arithmetic
    assert Machine(cpu, 8).arithmetic != Machine(gpu, 8).arithmetic


def test_samples_are_loaded_beside_a_gpu_by_all_threads_but_one():
    assert [Machine(torch.device("cuda"), n).workers for n in (1, 2, 8)] == [1, 1, 7]
    assert Machine(torch.device("cpu"), 8).workers == 0


@pytest.mark.parametrize("native", [True, False])
def test_a_cpu_computes_in_bf16_only_where_it_has_it_and_a_training_says_so(monkeypatch, native):
    monkeypatch.setattr(machine, "_native_bf16", lambda: native)
    cpu = torch.device("cpu")
    with machine.autocast(cpu):
        product = torch.nn.Linear(8, 8)(torch.ones(1, 8))
    assert product.dtype == (torch.bfloat16 if native else torch.float32)
    # A state of the other precision is not gone on with.
    monkeypatch.setattr(machine, "_native_bf16", lambda: not native)
    other = Machine(cpu, 1).arithmetic
    monkeypatch.setattr(machine, "_native_bf16", lambda: native)
    assert Machine(cpu, 1).arithmetic != other


@pytest.mark.parametrize(("given", "device"), [(1, "cuda"), (0, "cpu"), (None, "cpu")])
def test_a_job_uses_a_gpu_only_if_it_was_given_one(monkeypatch, given, device):
    """`--resources gpu=0` gives none, whatever the machine has."""
    monkeypatch.setattr(machine, "pick_device", lambda: torch.device("cuda"))
    resources = {} if given is None else {"gpu": given}
    job = SimpleNamespace(threads=1, resources=resources)
    assert machine.of_job(job).device.type == device
