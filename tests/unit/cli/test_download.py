"""`luna16 download` as a person runs it, but for the server: see tests/unit/datasets for that."""

import pytest

from nodules.base.files import UserError
from nodules.cli import download as cli_download
from nodules.cli import main as cli


def test_help_teaches_with_examples(capsys):
    for what, words in (("lidc-sample", "three of four readers"), ("luna16", "--subsets 0 9")):
        with pytest.raises(SystemExit):
            cli.main(["download", what, "--help"])
        out = capsys.readouterr().out
        assert words in out and "examples:" in out and "Exit status:" in out


def test_a_missing_package_is_named_before_anything_is_asked(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cli_download, "PACKAGES", ("pylidc", "no_such_package"))
    assert cli.main(["download", "lidc-sample", str(tmp_path)]) == 2
    assert "needs no_such_package. Install it: pip install" in capsys.readouterr().err


def test_a_folder_that_is_a_file_is_told(tmp_path, capsys):
    (tmp_path / "there").write_text("")
    assert cli.main(["download", "luna16", str(tmp_path / "there"), "--subsets", "0"]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("server", ["nonsense", "ftp://x", "file:///etc", "http://", "http:/x"])
def test_what_is_no_server_is_told_before_anything_is_asked(tmp_path, capsys, server):
    for what in ("lidc-sample", "luna16"):
        with pytest.raises(SystemExit) as stop:
            cli.main(["download", what, str(tmp_path / "out"), "--server", server])
        assert stop.value.code == 2 and "is not an address such as https" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_bars_are_silent_where_nobody_looks(capsys):
    bars = cli_download._Bars(quiet=False)
    bars("scan", 5, 10)
    bars("", 0, 0)
    assert capsys.readouterr() == ("", "")


def test_bars_tell_names_and_end(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    bars = cli_download._Bars(quiet=False)
    bars.shown = True
    bars("scan", 5, 10)
    bars("other", 5, 0)
    bars("", 0, 0)
    assert "scan" in capsys.readouterr().err and bars.bar is None


def test_offline_is_status_2(tmp_path, capsys, monkeypatch):
    from nodules.datasets import luna16_download

    def away(*_):
        raise UserError("zenodo.org: cannot be reached (its name is not known: no network?).")

    monkeypatch.setattr(luna16_download, "download", away)
    assert cli.main(["download", "luna16", str(tmp_path)]) == 2
    assert "cannot be reached" in capsys.readouterr().err
