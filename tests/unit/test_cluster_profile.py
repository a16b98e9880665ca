"""The SLURM profile fits the rules, and the container holds what they need."""

import os
import re
import tomllib
from types import SimpleNamespace

import pytest
import yaml
from snakemake_executor_plugin_slurm.partitions import get_best_partition, read_partition_file

from helpers.sources import ROOT, Rule, all_rules
from nodules.base.resources import LOADERS, hours, memory, minutes

FOLDER = ROOT / "profiles/slurm"
PROFILE = yaml.safe_load((FOLDER / "profile.yaml").read_text())
each_rule = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)


def asked(rule: Rule, attempt: int) -> SimpleNamespace:
    """A job of a rule as SLURM's plugin sees it."""
    found = re.findall(r"(mem_mb|runtime)=(\w+)\((\d+)\)", rule.directives["resources"])
    functions = {"memory": memory, "minutes": minutes, "hours": hours}
    resources = {name: functions[call](int(n))(None, attempt) for name, call, n in found}
    if "gpu" in rule.resources:
        resources["gpu"] = 1
    said = rule.directives["threads"].strip()
    threads = LOADERS if said == "network_threads" else int(said)
    return SimpleNamespace(name=rule.name, threads=threads, resources=resources)


@each_rule
@pytest.mark.parametrize("attempt", [1, 4])
def test_jobs_with_a_gpu_go_to_gpu_partitions_and_no_others(rule: Rule, attempt: int) -> None:
    silent = SimpleNamespace(debug=print, info=print, warning=print)
    partitions = read_partition_file(FOLDER / PROFILE["slurm-partition-config"])
    assert {p.name for p in partitions} == {"cpu", "gpu"}
    job = asked(rule, attempt)
    assert get_best_partition(partitions, job, silent) == (
        "gpu" if "gpu" in job.resources else "cpu"
    )


def test_rules_of_one_job_per_scan_are_array_jobs() -> None:
    per_scan = {rule.name for rule in all_rules() if "{uid}" in rule.directives["output"]}
    assert set(PROFILE["slurm-array-jobs"].split(",")) == per_scan


def test_all_jobs_that_are_ready_are_handed_over_at_once() -> None:
    # The plugin forgets the jobs of an array rule of which it gets only a part.
    assert PROFILE["jobs"] >= 10 * 888
    assert PROFILE["max-jobs-per-timespan"] == f"{PROFILE['jobs']}/10s"


def test_each_task_of_an_array_is_asked_after_for_itself() -> None:
    # sacct's numbers of tasks are not those that the plugin looks up.
    assert PROFILE["slurm-status-command"] == "squeue"


def test_no_gpu_rule_is_an_array_job() -> None:
    # Tasks of an array run outside the job step that SLURM's notice goes to.
    gpu = {rule.name for rule in all_rules() if "gpu" in rule.resources}
    assert not gpu & set(PROFILE["slurm-array-jobs"].split(","))


@each_rule
def test_a_networks_job_takes_threads_and_gpu_by_what_the_machine_has(rule: Rule) -> None:
    by_machine = "gpu=gpus," in rule.directives["resources"]
    assert by_machine == ("gpu" in rule.resources)
    assert by_machine == (rule.directives["threads"].strip() == "network_threads")
    assert by_machine or not rule.name.startswith("train_")


@pytest.mark.parametrize(
    ("sent", "main", "gpu", "asked"),
    [
        (False, True, False, (0, 3)),  # a machine without a GPU: jobs side by side
        (False, True, True, (1, LOADERS)),
        (True, True, False, (1, LOADERS)),  # to a scheduler, from a node without a GPU
        (False, False, False, (1, LOADERS)),  # on the scheduler's node
    ],
)
def test_what_a_networks_job_asks_for(sent, main, gpu, asked, monkeypatch) -> None:
    workflow = SimpleNamespace(non_local_exec=sent, is_main_process=main)
    names = {"workflow": workflow, "config": {"cpu_threads": 3}, "os": os}
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")  # a user's own, which stays
    exec((ROOT / "workflow/rules/common_jobs.smk").read_text(), names)
    names["has_gpu"] = lambda: gpu
    assert (names["gpus"](None), names["network_threads"](None)) == asked


@each_rule
def test_a_training_is_told_before_its_time_is_over(rule: Rule) -> None:
    notice = "slurm_extra=NOTICE" in rule.directives["resources"]
    assert notice == rule.name.startswith("train_")


def test_every_value_of_the_profile_has_its_reason() -> None:
    for block in (FOLDER / "profile.yaml").read_text().strip().split("\n\n"):
        assert block.startswith("#"), block


def test_the_container_installs_the_lock_and_nothing_else() -> None:
    text = (ROOT / "Containerfile").read_text()
    installs = re.findall(r"pip install (.*)", text)
    assert installs == [
        "--require-hashes --requirement requirements.txt",
        "--no-deps --no-build-isolation .",
    ]
    copied = re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE)
    assert all((ROOT / name).exists() for line in copied for name in line.split())


def test_the_container_has_the_python_that_the_lock_was_made_for() -> None:
    python = re.search(r"^FROM \S*python:(\d+\.\d+)-", (ROOT / "Containerfile").read_text(), re.M)
    assert python
    assert f"--python-version {python[1]} " in (ROOT / "Makefile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={python[1]}"
    for env in (ROOT / "envs").glob("*.yaml"):
        assert f"python={python[1]}" in env.read_text().replace(" ", ""), env.name
