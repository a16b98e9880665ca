"""`luna16 score` on small files, as tests run it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from nodules.cli import main as cli

LISTS = ("--annotations", "annotations.csv", "--excluded", "excluded.csv", "--scans", "scans.csv")


def score_in(
    folder: Path,
    files: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lists: tuple[str, ...] = LISTS,
) -> Callable[..., tuple[int, str, str]]:
    """Write files into a folder; a function of arguments that gives status, stdout and stderr."""
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["score", *lists, *arguments])
        return status, *capsys.readouterr()

    return run
