"""A failing script says why, in the terminal and in its log."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nodules.base import jobs
from nodules.base.files import UserError


def job(tmp_path):
    return SimpleNamespace(log=[str(tmp_path / "rule.log")], rule="some_rule")


def test_messages_reach_the_log(tmp_path):
    jobs.run(lambda _: jobs.log.info("working"), job(tmp_path))
    assert (tmp_path / "rule.log").read_text() == "working\n"


def test_a_user_error_is_one_message_without_traceback(tmp_path, capsys):
    def main(_):
        raise UserError("scan.mhd: no DimSize. Copy the file again.")

    with pytest.raises(SystemExit, match="1"):
        jobs.run(main, job(tmp_path))
    text = (tmp_path / "rule.log").read_text()
    assert text == "some_rule: scan.mhd: no DimSize. Copy the file again.\n"
    assert "Traceback" not in capsys.readouterr().err


def test_an_unexpected_error_leaves_its_traceback(tmp_path):
    with pytest.raises(SystemExit):
        jobs.run(lambda _: 1 / 0, job(tmp_path))
    assert "ZeroDivisionError" in (tmp_path / "rule.log").read_text()


def test_where_the_run_has_one_line_a_job_only_warnings_reach_the_terminal(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv(jobs.QUIET_JOBS, "yes")

    def main(_):
        jobs.log.info("epoch 1")
        jobs.log.warning("a scan is left out")
        raise UserError("scan.mhd: no DimSize. Copy the file again.")

    with pytest.raises(SystemExit):
        jobs.run(main, job(tmp_path))
    assert capsys.readouterr().err == "a scan is left out\n"
    assert len((tmp_path / "rule.log").read_text().splitlines()) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_what_a_full_disk_keeps_from_the_log_goes_to_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv(jobs.QUIET_JOBS, "yes")

    def main(_):
        raise UserError("slices.npy: cannot be written. Free space on its disk.")

    with pytest.raises(SystemExit):
        jobs.run(main, SimpleNamespace(log=["/dev/full"], rule="some_rule"))
    told = capsys.readouterr().err
    assert told == "some_rule: slices.npy: cannot be written. Free space on its disk.\n"


def test_progress_bars_are_for_terminals_that_show_nothing_else(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert jobs.draws_bars()
    monkeypatch.setenv(jobs.QUIET_JOBS, "yes")
    assert not jobs.draws_bars()


def test_a_script_ends_with_what_modules_want_done_and_all_that_it_said(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import atexit\n"
        "from types import SimpleNamespace\n"
        "from nodules.base import jobs\n"
        "atexit.register(print, 'cleaned up')\n"
        f"job = SimpleNamespace(log=[{str(tmp_path / 'rule.log')!r}], rule='some_rule')\n"
        "jobs.run(lambda _: jobs.log.info('working'), job)\n"
        "print('nothing follows')\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "cleaned up\n", "working\n")
    assert (tmp_path / "rule.log").read_text() == "working\n"
