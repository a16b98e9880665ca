"""Killed again and again, the workflow ends with the files of a run that nobody disturbed."""

import os
import random
import signal
from pathlib import Path

import pytest

from reliability import whole
from reliability.killing import Harness, resume, start

pytestmark = [pytest.mark.reliability, pytest.mark.workflow, pytest.mark.timeout(4 * 3600)]
KILLS = int(os.environ.get("KILLS", "100"))
KINDS, FILES = 100, 400  # that a run writes, about: kinds of files, and files
SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]


def test_killed_again_and_again_it_ends_as_if_undisturbed(undisturbed, tmp_path, record_property):
    """One run after another is killed until it is done and must equal the undisturbed one.

    Most kills strike the moment a file of a new kind appears, to be written, logged or measured;
    the others after a random number of files and some time: mid-epoch, in the report, wherever.
    """
    chance, runs, left = random.Random(7), 0, KILLS
    while left > 0:
        harness = Harness(tmp_path / str(runs))
        harness.workdir.mkdir()
        while len(harness.kills) < left and _step(harness, chance):
            pass
        harness.finish()
        _hold(harness, undisturbed)
        for kill in harness.kills:
            moment = "while a file was written" if kill.unfinished else "between files"
            record_property("kill", f"{kill.signal} {moment}")
        runs, left = runs + 1, left - len(harness.kills)
        assert harness.kills, "the run ended before the first kill"


def _step(harness: Harness, chance: random.Random) -> bool:
    """One kill; few kills are spread over the run, many leave out no kind of file."""
    if chance.random() < 0.6:
        return harness.step(signal.SIGKILL, files=max(KINDS // KILLS, 1))
    files = chance.randrange(1, max(2 * FILES // KILLS, 30))
    delay_s = chance.choice([0.0, chance.uniform(0, 3)])
    return harness.step(chance.choice(SIGNALS), files, delay_s, new=False)


def _hold(harness: Harness, undisturbed: Path) -> None:
    """What is promised after every kill, and of the finished run."""
    results = harness.workdir / "results"
    for kill in harness.kills:
        assert kill.broken == [], f"{kill.signal} at {kill.moment}: {kill.broken}"
    assert whole.broken(results) == []
    assert whole.differences(results, undisturbed) == []
    assert not list(results.rglob(".*.part*")), "a killed writer's file was left behind"


def test_a_lock_left_behind_is_named_and_nothing_is_touched(tmp_path, record_property):
    harness = Harness(tmp_path)
    assert harness.step(signal.SIGKILL, files=4)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*")}
    assert start(tmp_path).wait() != 0
    told = (tmp_path / "run.log").read_text()
    assert "Directory cannot be locked" in told and "--unlock" in told
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "results").rglob("*")} == before
    assert resume(tmp_path, "results/scans/scans.parquet").wait() == 0
    assert whole.broken(tmp_path / "results") == []
    record_property("fault", "a lock left behind: named, goes on after --unlock")
