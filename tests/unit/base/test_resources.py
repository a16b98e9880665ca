"""What jobs ask for: the first try as written in the rule, retries more, up to a cap."""

import inspect
from types import SimpleNamespace

import pytest

from helpers.sources import ROOT
from nodules.base.resources import MOST_MEMORY_MB, MOST_MINUTES, has_gpu, hours, memory, minutes


@pytest.mark.parametrize("resource", [memory, minutes])
def test_the_first_try_asks_for_what_the_rule_says_and_each_retry_for_twice_as_much(resource):
    assert [resource(20)(None, attempt=k) for k in (1, 2, 3)] == [20, 40, 80]


def test_growth_ends_at_the_cap():
    assert memory(16_000)(None, attempt=9) == MOST_MEMORY_MB
    assert minutes(30)(None, attempt=9) == MOST_MINUTES


def test_a_first_try_above_the_cap_stays_as_it_is():
    assert [memory(100_000)(None, attempt=k) for k in (1, 2)] == [100_000, 100_000]
    assert hours(48)(None, attempt=2) == 48 * 60


def test_snakemake_is_shown_the_argument_names_that_it_knows():
    assert list(inspect.signature(memory(1)).parameters) == ["wildcards", "attempt"]


@pytest.mark.parametrize("device", ["nvidia0", "nvidia15", "kfd", "dxg"])
def test_a_gpu_is_told_by_its_device_file(device, tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert not has_gpu(tmp_path)
    (tmp_path / device).touch()
    assert has_gpu(tmp_path)


def test_a_driver_without_a_card_is_no_gpu(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "nvidiactl").touch()
    (tmp_path / "nvidia-uvm").touch()
    assert not has_gpu(tmp_path)


@pytest.mark.parametrize(
    ("hidden", "seen"), [("", False), ("-1", False), ("0", True), ("GPU-8", True)]
)
def test_a_hidden_gpu_is_none(hidden, seen, tmp_path, monkeypatch):
    (tmp_path / "nvidia0").touch()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert has_gpu(tmp_path) == seen


@pytest.mark.parametrize(
    ("own", "added"),
    [
        ({}, {"GOMP_SPINCOUNT", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}),
        ({"OMP_WAIT_POLICY": "passive", "MALLOC_TRIM_THRESHOLD_": "0"}, {"MALLOC_MMAP_THRESHOLD_"}),
    ],
)
def test_jobs_share_cores_and_keep_memory_unless_the_user_says_otherwise(own, added):
    """The rules' file as Snakemake runs it: what it sets, every job starts with."""
    file = ROOT / "workflow/rules/common_jobs.smk"
    environment = dict(own)
    exec(compile(file.read_text(), file, "exec"), {"os": SimpleNamespace(environ=environment)})
    assert environment.items() >= own.items()
    assert set(environment) - set(own) == added
    assert environment["MALLOC_MMAP_THRESHOLD_"] == str(32 * 1024 * 1024)
