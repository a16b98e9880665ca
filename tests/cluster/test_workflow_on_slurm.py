"""The whole workflow on a real SLURM, to the report, while the cluster has a bad day.

In mid-run the node is drained for a while, and the controller is stopped and started again.
"""

import re
import time
from pathlib import Path

import pytest
import yaml

from helpers.sources import ROOT, all_rules
from nodules.base import resources
from on_slurm import Job, jobs, on_cluster, rule_of, start
from one_node import OneNode

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]
RULES = {rule.name: rule for rule in all_rules()}
GPU_RULES = {name for name, rule in RULES.items() if "gpu" in rule.resources}
PER_SCAN = {name for name, rule in RULES.items() if "{uid}" in rule.directives["output"]}
PROFILE = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
DRAINED_S, DOWN_S = 10, 8
NO_CONTROLLER = "Unable to contact slurm controller"


@pytest.fixture(scope="module")
def finished(cluster: OneNode, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Job]]:
    """Results of the whole run, and its jobs as accounting knows them."""
    workdir = tmp_path_factory.mktemp("tiny")
    log = workdir / "snakemake.log"
    before = {job.id for job in jobs(cluster)}
    running = start(cluster, on_cluster(workdir), log)
    try:
        while running.poll() is None and not on_the_node(cluster, PER_SCAN):
            time.sleep(0.5)
        node = cluster.command("sinfo", "-h", "-p", "cpu", "-o", "%N")
        cluster.command("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
        time.sleep(DRAINED_S)
        cluster.command("scontrol", "update", f"NodeName={node}", "State=RESUME")
        # Once the training itself runs: a job that has just reached its node waits for two minutes.
        while running.poll() is None and not list(workdir.glob("results/logs/train_unet/*")):
            time.sleep(0.2)
        cluster.restart_controller(DOWN_S)
        running.wait()
    finally:
        running.kill()
    assert running.returncode == 0, log.read_text()[-6000:]
    return workdir / "results", [job for job in jobs(cluster) if job.id not in before]


@pytest.fixture(scope="module")
def run(finished: tuple[Path, list[Job]]) -> Path:
    """The run's results."""
    return finished[0]


@pytest.fixture(scope="module")
def accounted(finished: tuple[Path, list[Job]]) -> list[Job]:
    """The run's jobs."""
    return finished[1]


def on_the_node(cluster: OneNode, rules: set[str]) -> bool:
    """Whether a job of one of these rules runs."""
    listed = cluster.command("squeue", "-h", "-t", "R", "-o", "%k").splitlines()
    return any(rule_of(comment) in rules for comment in listed)


def asked(rule: str, attempt: int) -> tuple[str, int]:
    """Memory and minutes that a rule's text asks for at an attempt."""
    text = RULES[rule].directives["resources"]
    memory = re.search(r"memory\((\d+)\)", text)
    number = re.search(r"runtime=(minutes|hours)\((\d+)\)", text)
    assert memory and number
    unit = {"minutes": resources.minutes, "hours": resources.hours}[number[1]]
    grown = resources.memory(int(memory[1]))(None, attempt)
    return f"{grown}M", unit(int(number[2]))(None, attempt)


def test_the_report_is_there(run):
    assert (run / "report.html").stat().st_size > 1_000_000


def test_nothing_was_lost_to_the_drained_node_and_the_restarted_controller(run, accounted):
    # The run ended well (fixture `finished`). A job that asked the controller for its step in the
    # very seconds in which there was none has failed, and was tried again; no other has.
    for job in accounted:
        if job.state != "COMPLETED":
            (log,) = run.glob(f"logs/slurm/rule_{job.rule}/**/{job.id}.log")
            assert job.state == "FAILED" and NO_CONTROLLER in log.read_text(), job
            assert [j.state for j in accounted if j.rule == job.rule].count("COMPLETED") > 0


def test_every_rule_that_is_not_local_ran_on_the_cluster(run, accounted):
    measured = {f.relative_to(run / "benchmarks").parts[0] for f in run.glob("benchmarks/**/*.tsv")}
    measured = {name.removesuffix(".tsv") for name in measured}
    assert measured - {job.rule for job in accounted} == {"write_config", "build_report"}


def test_gpu_rules_get_one_gpu_each_on_the_gpu_partition(accounted):
    of_gpu_rules = [job for job in accounted if job.rule in GPU_RULES]
    assert {job.rule for job in of_gpu_rules} >= {"train_unet", "detect_unet", "train_unet3d"}
    assert {(job.gpus, job.partition) for job in of_gpu_rules} == {(1, "gpu")}


def test_no_other_rule_gets_a_gpu_or_lands_on_the_gpu_partition(accounted):
    others = [job for job in accounted if job.rule not in GPU_RULES]
    assert {(job.gpus, job.partition) for job in others} == {(0, "cpu")}


def test_jobs_of_one_scan_come_in_arrays(accounted):
    assert set(PROFILE["slurm-array-jobs"].split(",")) == PER_SCAN
    # The tiny run asks for no PNGs, for lungs by no network, and for no other layout.
    for rule in PER_SCAN - {"write_pngs", "prepare_lungs", "find_lungs", "adopt_scan"}:
        tasks = [job for job in accounted if job.rule == rule]
        assert len(tasks) == 6
        assert any(job.is_array_task for job in tasks), rule
    assert all(job.is_array_task for job in accounted if job.rule == "prepare_slices")


def test_memory_and_time_are_asked_for_as_in_the_rules(accounted):
    again = [job for job in accounted if (job.memory, job.minutes) != asked(job.rule, 1)]
    # A submission that the stopped controller refused counts as an attempt; there is one GPU and
    # one training at that time, so that hardly another job is submitted.
    assert len(again) <= 2
    assert all((job.memory, job.minutes) == asked(job.rule, 2) for job in again)
