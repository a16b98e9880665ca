"""A failing script says why, in the terminal and in its log."""

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
