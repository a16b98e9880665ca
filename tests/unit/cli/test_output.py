"""What subcommands say, on terminals of any encoding, and of missing packages."""

import io
import sys

import pytest

from nodules.base.files import UserError
from nodules.cli import main, output


def test_what_a_terminal_cannot_show_is_spelled(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    output.say("Köln\n")
    terminal.flush()
    assert terminal.buffer.getvalue() == b"K\\xf6ln\n"


def test_a_warning_goes_to_stderr_and_control_characters_are_spelled(capsys):
    output.warn("scan\x1b[2J: short")
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("luna16: scan") and "\x1b" not in err


@pytest.mark.parametrize("arguments", [["check", ""], ["convert", "a", "--out", ""]])
def test_an_empty_argument_is_not_taken_for_this_folder(capsys, arguments):
    with pytest.raises(SystemExit, match="2"):
        main.main(arguments)
    assert "an argument is empty. Is a variable of a script not set?" in capsys.readouterr().err


def test_missing_packages_are_named_with_what_to_install():
    output.require(("json", "re"), "this", "nothing")
    with pytest.raises(
        UserError, match=r"^x needs no_a, no_b\. Install them: pip install 'y\[z\]'$"
    ):
        output.require(("json", "no_a", "no_b"), "x", "y[z]")
    with pytest.raises(UserError, match=r"^x needs no_a\. Install it: pip install no_a$"):
        output.require(("no_a",), "x", "no_a")
