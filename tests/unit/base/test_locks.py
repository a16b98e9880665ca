"""A folder is held by one process at a time, and by none that has ended."""

import errno
import fcntl
import subprocess
import sys

import pytest

from nodules.base import locks
from nodules.base.files import UserError

HOLD = """
import sys, time
from pathlib import Path
from nodules.base import locks
with locks.alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_folder_that_another_process_holds_is_refused_until_that_ends(tmp_path):
    folder = tmp_path / "new" / "out"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        for _ in range(2):
            with (
                pytest.raises(UserError, match="another process is writing to this folder"),
                locks.alone(folder),
            ):
                pass
        other.kill()
    for _ in range(2):
        with locks.alone(folder):
            assert list(folder.iterdir()) == []


def test_it_is_free_again_after_a_failure(tmp_path):
    with pytest.raises(RuntimeError), locks.alone(tmp_path):
        raise RuntimeError
    with locks.alone(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    refused = pytest.raises(UserError, match=r"file: cannot be written \(")
    with refused, locks.alone(tmp_path / "file"):
        pass


def test_where_there_are_no_locks_the_work_goes_on(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with locks.alone(tmp_path), locks.alone(tmp_path):
        pass
