"""What a run says on the terminal, told by the events that Snakemake sends."""

import io
import logging
import os
import re

import pytest

from nodules.base import steps, terminal
from nodules.base.terminal import Terminal


class Screen(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, tty: bool = False) -> None:
        super().__init__()
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


class Run:
    """Snakemake's logger, as it would speak in a run, with a clock of its own."""

    def __init__(self, **jobs: int) -> None:
        self.time, self.jobs, self.numbers = 0.0, jobs, iter(range(1, 10_000))
        self.screen = Screen()
        self.terminal = Terminal(self.screen, lambda: self.jobs, now=lambda: self.time)
        self.logger = logging.Logger("run")
        self.logger.addHandler(self.terminal)
        stats = jobs | {"all": 1, "total": sum(jobs.values()) + 1}
        self.say("Job stats:\n" + "many lines\n" * 50, event="run_info", stats=stats)

    def say(self, text: str | None, level: int = logging.INFO, **fields: object) -> None:
        """One record."""
        self.logger.log(level, text, extra=fields)

    def start(self, rule: str, local: bool = True, **wildcards: str) -> int:
        """Start a job and give its number."""
        job = next(self.numbers)
        fields = {"jobid": job, "rule_name": rule, "wildcards": wildcards, "local": local}
        self.say(f"Rule: {rule}", event="job_info", input=["x"] * 1000, **fields)
        return job

    def finish(self, job: int, took: float) -> None:
        """A job is done."""
        self.time += took
        self.say("Finished", event="job_finished", job_id=job)

    @property
    def lines(self) -> list[str]:
        """What stands on the terminal."""
        return self.screen.getvalue().splitlines()


def test_one_line_a_job_says_what_it_does_how_far_the_run_is_and_what_is_left() -> None:
    run = Run(train_unet=2, build_report=1)
    for fold in ("0", "1"):
        run.finish(run.start("train_unet", fold=fold), 64)
    run.start("build_report")
    assert len(run.lines) == 2 + 3
    assert re.fullmatch(r" +1:04 +\d\d % +1 min  Train the U-Net, fold 1", run.lines[3])
    assert re.fullmatch(r" +2:08 +9\d % +under 1 min  Build the report", run.lines[4])


def test_rules_of_one_job_a_scan_have_a_line_a_tenth() -> None:
    run = Run(prepare_slices=888)
    for _ in range(888):
        run.finish(run.start("prepare_slices", uid="2.25.1"), 1)
    assert len(run.lines) == 2 + 11
    assert run.lines[2].endswith("Cut slices, scan 1 of 888")
    assert run.lines[-1].endswith("Cut slices, scan 888 of 888")
    assert "99 %" in run.lines[-1], "nothing is 100 % done before its end"


def test_a_job_on_a_cluster_is_told_when_it_is_done() -> None:
    run = Run(train_unet=1)
    job = run.start("train_unet", local=False, fold="0")
    assert len(run.lines) == 2
    run.finish(job, 9)
    assert run.lines[2].endswith("Train the U-Net, fold 0: done")


def test_jobs_of_every_scan_on_a_cluster_have_a_line_a_tenth_as_they_are_done() -> None:
    run = Run(prepare_slices=30)
    jobs = [run.start("prepare_slices", local=False, uid=f"2.25.{k}") for k in range(30)]
    for job in jobs:
        run.finish(job, 1)
    assert len(run.lines) == 2 + 11
    assert run.lines[-1].endswith("Cut slices: 30 of 30 scans done")


def test_snakemakes_own_talk_is_left_to_its_log_file_but_not_its_warnings() -> None:
    run = Run()
    before = len(run.lines)
    for text in ("Select jobs to execute...", "Building DAG of jobs...", "Execute 1 jobs..."):
        run.say(text)
    run.say("Provided cores: 2", event="resources_info")
    run.say(None, event="progress", done=1, total=2)
    run.say("Workflow has started!", event="workflow_started")
    assert len(run.lines) == before
    run.say("Nothing to be done (all requested files are present and up to date).")
    run.say("Job 3 is slow.", logging.WARNING)
    run.say("Exiting because a job execution failed.", logging.ERROR)
    run.say(
        "WorkflowError:\nno such target", logging.ERROR, event="error", exception="WorkflowError"
    )
    assert run.lines[before:][:2] == [
        "Nothing to be done (all requested files are present and up to date).",
        "Job 3 is slow.",
    ]
    assert run.lines[-1] == "no such target"


def test_a_user_error_is_its_sentence_alone() -> None:
    run = Run()
    text = 'UserError in file "common.smk", line 45:\nseed: twice.\n  File "common.smk", line 45'
    run.say(text, logging.ERROR, event="error", exception="UserError")
    assert run.lines[-1] == "seed: twice." and "common.smk" not in "".join(run.lines)


def test_a_failed_job_says_why_and_what_to_do(tmp_path) -> None:
    log = tmp_path / "fold_0.log"
    log.write_text("unet fold 0 epoch 1/3\n" * 100)
    run = Run(train_unet=1)
    job = run.start("train_unet", fold="0")
    killed = "RuleException:\nCommand 'x' died with <Signals.SIGKILL: 9>."
    run.say(killed, logging.ERROR, event="error", exception="RuleException")
    fields = {"rule_name": "train_unet", "log": [str(log)], "jobid": job, "rule_msg": None}
    run.say("Error in rule", logging.ERROR, event="job_error", **fields)
    text = "\n".join(run.lines[3:])
    assert text.startswith("\nFAILED: train the U-Net, fold 0\n  unet fold 0 epoch 1/3\n")
    assert "Most likely the memory ran out" in text and str(log) in text
    assert text.count("\n") < 9 and "Signals" not in text


def test_what_a_cluster_says_of_a_failed_job_stands_above_the_jobs_own_words(tmp_path) -> None:
    own, slurm = tmp_path / "fold_0.log", tmp_path / "7.log"
    own.write_text("epoch 1\nStopped by SIGTERM; the state is in x.pt.\n")
    slurm.write_text("Building DAG of jobs...\nmany lines\n")
    run = Run(train_unet=1)
    job = run.start("train_unet", local=False, fold="0")
    said = "SLURM-job '7' failed, SLURM status is: 'CANCELLED'. More follows.\nA second line."
    fields = {"rule_name": "train_unet", "log": [str(own), str(slurm)], "jobid": job}
    run.say("Error in rule", logging.ERROR, event="job_error", rule_msg=said, **fields)
    assert [line.strip() for line in run.lines[4:8]] == [
        said.splitlines()[0],
        "epoch 1",
        "Stopped by SIGTERM; the state is in x.pt.",
        "The job was stopped from outside.",
    ]


def test_a_checkpoint_may_plan_more_jobs() -> None:
    run = Run(check_scans=1, prepare_slices=1)
    run.say(None, event="progress", done=0, total=3)
    run.finish(run.start("check_scans"), 1)
    run.jobs = {"prepare_slices": 9}
    run.say(None, event="progress", done=1, total=11)
    run.start("prepare_slices", uid="1")
    assert run.lines[-1].endswith("scan 1 of 9")


@pytest.mark.parametrize("failed", [False, True])
def test_the_last_word(failed: bool) -> None:
    run = Run(build_report=1)
    run.finish(run.start("build_report"), 61)
    run.terminal.last_word(["The report: results/report.html"], failed)
    assert run.lines[-1] == "The report: results/report.html"
    assert ("Stopped after 1:01, 1 of 1 jobs done." if failed else "Done in 1:01.") in run.lines


def test_on_a_terminal_a_last_line_says_what_runs_and_makes_way_for_others() -> None:
    told = Terminal(Screen(tty=False), dict)
    told._doing = {1: ("train_unet", "train the U-Net, fold 0", True)}
    told._show_status(["train the U-Net, fold 0"])
    told._print("another line")
    told.last_word([], failed=False)
    shown = told.stream.getvalue()
    lines = [line.split("\r\x1b[2K")[-1] for line in shown.split("\n")]
    assert lines[0] == "another line" and lines[1].startswith("Done in 0:0") and lines[2:] == [""]


@pytest.fixture
def environment(monkeypatch):
    """The process's environment, as it was afterwards."""
    for name in (terminal.QUIET_JOBS, "TQDM_DISABLE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_it_takes_the_place_of_snakemakes_own_handler_only(environment) -> None:
    logger = logging.Logger("snakemake")
    theirs, file = logging.StreamHandler(Screen()), logging.NullHandler()
    theirs.name = "DefaultStreamHandler"
    for handler in (theirs, file):
        logger.addHandler(handler)
    ours = terminal.attach(logger, dict, bool)
    assert logger.handlers == [file, ours] and ours.stream is theirs.stream
    assert terminal.QUIET_JOBS in os.environ and os.environ["TQDM_DISABLE"] == "1"


def test_without_that_handler_all_stays_as_it_is(environment) -> None:
    logger = logging.Logger("snakemake")
    assert terminal.attach(logger, dict, bool) is None
    assert not logger.handlers and terminal.QUIET_JOBS not in os.environ


def test_every_rule_has_words() -> None:
    assert all(step.words and step.phantom > 0 and step.real > 0 for step in steps.STEPS.values())
