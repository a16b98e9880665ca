"""Memory has a bound: of a job per scan, whatever the scan; of a training, whatever the data."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from helpers.builders import make_stack
from helpers.sources import ROOT
from reliability import jobs_alone

LIMIT_MB = 2000  # what the rules ask for
SLICES, SIDE = 764, 512  # LUNA16's longest scan
HEADER = f"""\
NDims = 3
BinaryData = True
CompressedData = False
TransformMatrix = 1 0 0 0 1 0 0 0 1
Offset = -180 -180 -250
ElementSpacing = 0.7 0.7 0.65
DimSize = {SIDE} {SIDE} {SLICES}
ElementType = MET_SHORT
ElementDataFile = 2.25.1.raw
"""
MEASURED = """
import pathlib, sys
sys.path[:0] = {path!r}
from reliability import jobs_alone
from nodules.datasets import luna16
folder = pathlib.Path({folder!r})
(scan,) = luna16.found(folder)
jobs_alone.{job}
print(pathlib.Path("/proc/self/status").read_text())
"""
PATH = [str(ROOT / "tests"), str(ROOT / "workflow")]


def measured(code: str, what: str) -> float:
    """MB that a fresh process says of itself at its end: VmHWM, its peak, or RssAnon."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return int(re.search(rf"{what}:\s+(\d+) kB", done.stdout)[1]) / 1000


@pytest.fixture(scope="module")
def longest(tmp_path_factory):
    """A chest of 764 slices with two lungs, vessels of noise and 20 nodules, as one scan."""
    folder = tmp_path_factory.mktemp("longest")
    (folder / "subset0").mkdir()
    (folder / "subset0/2.25.1.mhd").write_text(HEADER)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    slice_ = np.where(x**2 + (1.3 * y) ** 2 < 0.9, 40, -1000).astype(np.int16)
    slice_[((abs(x) - 0.42) / 0.3) ** 2 + (y / 0.5) ** 2 < 1] = -850
    rng = np.random.default_rng(0)
    with (folder / "subset0/2.25.1.raw").open("wb") as stream:
        for _ in range(SLICES):
            noise = rng.integers(-60, 60, slice_.shape, np.int16)
            stream.write((slice_ + noise).astype("<i2").tobytes())
    nodules = "".join(f"2.25.1,{-70},0,{-200 + 20 * i},20\n" for i in range(20))
    jobs_alone.lists(folder, nodules)
    return folder


@pytest.mark.reliability
@pytest.mark.timeout(900)
def test_a_job_per_scan_stays_within_what_its_rule_asks_for(longest, record_property):
    jobs = {
        "check_scans": "check(folder, folder / 'results')",
        "prepare_slices": "prepare(folder / 'results', scan)",
        "draw_masks": "draw(folder / 'results', scan)",
    }
    for rule, job in jobs.items():
        peak = measured(MEASURED.format(path=PATH, folder=str(longest), job=job), "VmHWM")
        assert peak < LIMIT_MB, f"{rule}: {peak:.0f} MB"
        record_property("memory", f"{rule}, {SLICES} slices of {SIDE} x {SIDE}: {peak:.0f} MB")
    assert len(np.load(longest / "results/slices/2.25.1.npy", mmap_mode="r")) == SLICES


TRAINING = """
import pathlib, sys
sys.path[:0] = {path!r}
from helpers.settings import UNET
from nodules.learning.batches import Batches, order
from nodules.learning.state import Plan
from nodules.learning.tasks.slices import SliceTask
from nodules.prepare.stacks import open_stacks
import torch
folder = pathlib.Path({folder!r})
uids = ["2.25.%d" % i for i in range({scans})]
stacks = open_stacks([str(p) for p in folder.rglob("*.*")], uids, "readers")
task = SliceTask(stacks[:-1], stacks[-1:], UNET, 1, 0)
plan = Plan("unet", 0, 1, 4, 0.1, "constant", 1, folder, "x")
for inputs, targets in Batches(task, plan, torch.device("cpu")).of(order(task, 1)):
    pass
print(pathlib.Path("/proc/self/status").read_text())
"""


@pytest.mark.reliability
def test_the_data_set_does_not_enter_the_training_process(tmp_path, record_property):
    """Slices are memory maps: the system may drop their pages whenever it wants to."""
    shape = (40, 512, 512)
    first = make_stack(tmp_path, "2.25.0", shape, [((20, 100, 100), 6)])
    fewer, scans = 11, 41  # with fewer the allocator has not yet met all that an epoch asks of it
    for number in range(1, scans):
        for path in (first.array_path, first.table_path, first.masks_path):
            shutil.copy(path, path.with_name(f"2.25.{number}{path.suffix}"))
    few, many = (
        measured(TRAINING.format(path=PATH, folder=str(tmp_path), scans=n), "RssAnon")
        for n in (fewer, scans)
    )
    added = (scans - fewer) * np.prod(shape) / 1e6
    assert many - few < 0.2 * added, f"{few:.0f} to {many:.0f} MB with {added:.0f} MB more slices"
    record_property("memory", f"training, {added:.0f} MB more slices: {many - few:+.0f} MB")
