"""A full disk, a folder that cannot be written: said plainly, nothing damaged, and on it goes."""

import os
import subprocess

import numpy as np
import pandas as pd
import pytest
import torch

from nodules import files, networks, plotting, tables
from nodules.files import UserError
from reliability import whole
from reliability.killing import resume, start

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(1200)]
TARGET = "results/folds/folds.parquet"  # behind every scan's voxels and every list


class Disk:
    """A small file system in memory."""

    def __init__(self, folder):
        self.folder = folder

    def mount(self, options: str) -> None:
        """Mount it, or change its options."""
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path):
    """A file system of a megabyte; skips, aloud, where this user may not mount one."""
    if os.geteuid() != 0:
        pytest.skip("a small file system is needed, and only root can mount one")
    made = Disk(tmp_path / "disk")
    made.folder.mkdir()
    try:
        made.mount("size=1m")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small file system can be mounted here: {error}")
    yield made
    subprocess.run(["umount", "--lazy", str(made.folder)], check=True)


def figure(path):
    import matplotlib.figure

    drawn = matplotlib.figure.Figure()
    drawn.subplots().imshow(np.random.default_rng(0).random((300, 300)))
    plotting.save(drawn, [path])


NOISE = np.random.default_rng(0).random(2**17)
WRITERS = {
    "text.csv": lambda path: files.write_text(path, "x" * 2**21),
    "values.json": lambda path: files.write_json(path, list(range(2**19))),
    "slices.npy": lambda path: files.write_array(path, np.zeros(2**21, np.uint8)),
    "table.parquet": lambda path: tables.write(
        path,
        "excluded",
        pd.DataFrame({"seriesuid": "", **{name: NOISE for name in ("x", "y", "z", "diameter_mm")}}),
    ),
    "model.pt": lambda path: networks.save_state(path, torch.nn.Linear(2**10, 2**10)),
    "figure.png": figure,
    "figure.svg": figure,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_named_and_the_old_file_stays(disk, record_property, name):
    path = disk.folder / name
    path.write_text("old")
    (disk.folder / "filler").write_bytes(bytes(2**20 - 2**16))
    with pytest.raises(UserError, match=f"{name}: the disk is full") as error:
        WRITERS[name](path)
    assert "start again: what is finished stays" in str(error.value)
    assert path.read_text() == "old"
    assert sorted(p.name for p in disk.folder.iterdir()) == sorted(["filler", name])
    record_property("fault", "disk full while a file is written: named, old file intact")


@pytest.mark.workflow
@pytest.mark.parametrize("fault", ["disk full", "read-only"])
def test_the_run_stops_in_words_and_goes_on_when_the_cause_is_gone(disk, record_property, fault):
    log = disk.folder.parent / "run.log"
    if fault == "read-only":
        disk.mount("remount,size=100m")
        assert start(disk.folder, "results/phantom/annotations.csv", log=log).wait() == 0
        disk.mount("remount,ro")
    kept = {path: path.stat().st_mtime_ns for path in disk.folder.glob("results/**/*.*")}
    assert start(disk.folder, TARGET, log=log).wait() != 0
    told = log.read_text()
    reason = "No space left on device" if fault == "disk full" else "Read-only file system"
    assert reason in told, told[-3000:]
    assert whole.broken(disk.folder / "results") == []
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    disk.mount("remount,rw,size=100m")
    assert resume(disk.folder, TARGET, log=log).wait() == 0
    assert (disk.folder / TARGET).exists() and whole.broken(disk.folder / "results") == []
    record_property("fault", f"{fault} in a run: named, nothing damaged, goes on")
