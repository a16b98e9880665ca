"""A full disk, a folder that cannot be written: said plainly, nothing damaged, and on it goes."""

import os
import re
import subprocess

import numpy as np
import pytest

from nodules.base.files import UserError
from nodules.images.geometry import Geometry
from nodules.images.metaimage_writing import write_volume
from reliability import whole
from reliability.killing import resume, start
from reliability.writers import WRITERS

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(1200)]
TARGET = "results/models/unet/fold_0/model.pt"


class Disk:
    """A small file system in memory."""

    def __init__(self, folder):
        self.folder, self.log = folder, folder.with_name("run.log")

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


@pytest.mark.parametrize("suffix", ["raw", "zraw"])
def test_a_scan_that_does_not_fit_is_named_and_not_there(disk, record_property, suffix):
    header, data = (str(disk.folder / f"subset0/2.25.1.{end}") for end in ("mhd", suffix))
    voxels = np.random.default_rng(0).integers(-32768, 32767, (60, 100, 100), np.int16)
    with pytest.raises(UserError, match=f"{suffix}: the disk is full"):
        grid = Geometry.build((0, 0, 0), (1, 1, 1), np.eye(3), voxels.shape)
        write_volume(header, data, voxels, grid)
    assert not list(disk.folder.rglob("2.25.1.*")), "a scan of which a part was written"
    record_property("fault", "disk full while a scan is written: named, no part of it is there")


# Each lets the run come a little further: to the scans, the slices, the training.
ROOM = ["300k", "1m", "2m"]


@pytest.mark.workflow
def test_a_run_on_a_full_disk_stops_in_words_and_goes_on_with_more_room(disk, record_property):
    stages = set()
    for room in ROOM:
        disk.mount(f"remount,size={room}")
        told = stopped(disk)
        stages |= set(re.findall(r"^ *(\w+): results/.+: the disk is full .+ stays\.$", told, re.M))
    # What runs beside the slices may be hit, too.
    assert stages >= {"make_phantom", "train_unet"} and len(stages) > 2, stages
    goes_on(disk)
    record_property("fault", "disk full in three stages of a run: named, nothing damaged, goes on")


@pytest.mark.workflow
def test_a_run_in_a_read_only_folder_stops_in_words_and_goes_on_later(disk, record_property):
    disk.mount("remount,size=100m")
    assert start(disk.folder, "results/scans/scans.parquet", log=disk.log).wait() == 0
    disk.mount("remount,ro")
    kept = {path: path.stat().st_mtime_ns for path in whole.finished(disk.folder / "results")}
    assert "Read-only file system" in stopped(disk)
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    goes_on(disk)
    record_property("fault", "read-only in a run: named, nothing damaged, goes on")


def stopped(disk) -> str:
    """Messages of a run that cannot go on; it damages nothing."""
    disk.log.unlink(missing_ok=True)
    assert resume(disk.folder, TARGET, log=disk.log).wait() != 0
    assert whole.broken(disk.folder / "results") == []
    return disk.log.read_text()


def goes_on(disk) -> None:
    """With room, and leave to write, the run ends in success."""
    disk.mount("remount,rw,size=100m")
    assert resume(disk.folder, TARGET, log=disk.log).wait() == 0, disk.log.read_text()[-3000:]
    assert (disk.folder / TARGET).exists() and whole.broken(disk.folder / "results") == []
