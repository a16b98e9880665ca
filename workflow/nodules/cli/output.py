"""Output that all subcommands share: text for any terminal, warnings, missing packages."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from nodules.base import messages


def say(text: str) -> None:
    """Print text to stdout, with escapes for characters that the terminal's encoding lacks."""
    print(messages.for_terminal(text, sys.stdout.encoding), end="")


def warn(text: str) -> None:
    """Print one line to stderr, starting with `luna16:`."""
    print(f"luna16: {messages.escaped(text)}", file=sys.stderr)


def uid(text: str) -> str:
    """UID for argparse; refuses an empty one, most likely from an unset variable in a script."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; name the UID of a series")
    return text.strip()


def add_series(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--series UID`, a list; what: it does, for the help."""
    parser.add_argument(
        "--series",
        type=uid,
        action="append",
        default=[],
        metavar="UID",
        help=f"{what}; may be repeated",
    )


def require_other(path: Path, read: Iterable[Path], why: str) -> None:
    """Raise UserError if a file to be written is one of those that are read.

    why: what they are read for.
    """
    from nodules.base.files import UserError

    if path.exists() and any(source.exists() and path.samefile(source) for source in read):
        told = messages.escaped(str(path))
        raise UserError(f"{told}: is read for {why} and would be lost. Name another file.")


def require(packages: Sequence[str], what: str, install: str) -> None:
    """Raise UserError if packages are missing.

    what: the command or option that needs them. install: the requirement to give to pip.
    """
    from nodules.base.files import UserError

    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        them = "it" if len(missing) == 1 else "them"
        needed = ", ".join(missing)
        raise UserError(
            f"{what} needs {needed}. Install {them}: pip install {shlex.quote(install)}"
        )
