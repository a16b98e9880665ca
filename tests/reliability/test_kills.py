"""Killed again and again, the workflow ends with the files of a run that nobody disturbed."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from helpers.sources import ROOT
from reliability import whole, writers
from reliability.killing import Harness, resume, start
from reliability.writers import WRITERS

pytestmark = [pytest.mark.reliability, pytest.mark.workflow, pytest.mark.timeout(4 * 3600)]
KILLS = int(os.environ.get("KILLS", "100"))
SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
# Moments that every selection holds, by a part of the file's name, and how long after it appears.
CHOSEN = {
    "phantom/subset": 0.0,  # a scan's voxels
    "slices/#.npy": 0.0,
    "unet/fold_#/checkpoints": 0.0,  # while a checkpoint is written
    "unet/fold_#/training_state": 0.5,  # in the midst of the second epoch
    "presence/fold_#/training_state": 0.0,  # while the state is written
    "unet#d/fold_#/training_state": 0.2,  # unet3d, in the midst of the second epoch
    "reduction/fold_#/training_state": 0.2,
    "report.html": 2.0,
}


class Moment(NamedTuple):
    """When to strike: a place among the kinds of files in their order, some time later, and how."""

    place: int
    delay_s: float
    signal: signal.Signals


def moments(kinds: list[str], number: int, chance: random.Random) -> list[Moment]:
    """The chosen moments, and others spread evenly over all kinds of files, in their order.

    Most of these strike when a file has just been begun, to be written, logged or measured; the
    others up to three seconds later, wherever the run is by then.
    """
    found = []
    for part, delay_s in CHOSEN.items():
        place = next(i for i, kind in enumerate(kinds) if part in kind)
        found.append(Moment(place, delay_s, signal.SIGKILL))
    others = max(number - len(found), 0)
    for i in range(others):
        place = int((i + 0.5) * len(kinds) / others)
        delay_s = 0.0 if chance.random() < 0.6 else chance.uniform(0, 3)
        found.append(Moment(place, delay_s, chance.choice(SIGNALS)))
    return sorted(found)[:number]


def test_killed_again_and_again_it_ends_as_if_undisturbed(undisturbed, tmp_path, record_property):
    """One run after another is killed until it is done and must equal the undisturbed one.

    So the same seed gives the same files, too.
    """
    chance, kills, runs = random.Random(7), [], 0
    while len(kills) < KILLS:
        harness = Harness(tmp_path / str(runs))
        harness.workdir.mkdir()
        for place, delay_s, number in moments(undisturbed.kinds, KILLS - len(kills), chance):
            if not harness.step(number, set(undisturbed.kinds[place:]), delay_s):
                break
        harness.finish()
        _hold(harness, undisturbed.results)
        assert harness.kills, "the run ended before the first kill"
        kills, runs = kills + harness.kills, runs + 1
    for kill in kills:
        when = "while a file was written" if kill.unfinished else "between files"
        record_property("kill", f"{kill.signal} {when}")
        record_property("place", kill.place)
    for torn in {kind for kill in kills for kind in kill.unfinished}:
        record_property("torn", Path(torn.rstrip("*")).suffix)


def _hold(harness: Harness, undisturbed: Path) -> None:
    """What is promised after every kill, and of the finished run."""
    results = harness.workdir / "results"
    for kill in harness.kills:
        assert kill.broken == [], f"{kill.signal} at {kill.moment}: {kill.broken}"
    assert whole.broken(results) == []
    assert whole.differences(results, undisturbed) == []
    assert not list(results.rglob(".*.part*")), "a killed writer's file was left behind"


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_killed_half_way_leaves_the_old_file(tmp_path, record_property, name):
    path = tmp_path / name
    path.write_text("old")
    command = [sys.executable, writers.__file__, str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    assert subprocess.run(command, env=environment).returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(list(tmp_path.glob(".*.part*"))) == 1
    WRITERS[name](path)
    assert list(tmp_path.iterdir()) == [path], "what the killed writer left is cleared away"
    whole.READERS[path.suffix](path)
    record_property("kill", "SIGKILL half way through a file, each writer's")


def test_a_lock_left_behind_is_named_and_nothing_is_touched(tmp_path, record_property):
    harness = Harness(tmp_path)
    assert harness.step(signal.SIGKILL, {"results/logs/check_scans.log"})
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*")}
    assert start(tmp_path).wait() != 0
    told = (tmp_path / "run.log").read_text()
    assert "Directory cannot be locked" in told and "--unlock" in told
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "results").rglob("*")} == before
    assert resume(tmp_path, "results/scans/scans.parquet").wait() == 0
    assert whole.broken(tmp_path / "results") == []
    record_property("fault", "a lock left behind: named, goes on after --unlock")
