"""How every subcommand speaks: to a terminal of any encoding, and of packages that are missing."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from nodules.base import messages


def say(text: str) -> None:
    """Print what a terminal of any encoding can show: what it lacks is spelled."""
    print(messages.for_terminal(text, sys.stdout.encoding), end="")


def warn(text: str) -> None:
    """A line on stderr."""
    print(f"luna16: {messages.escaped(text)}", file=sys.stderr)


def uid(text: str) -> str:
    """Text of a UID, for argparse: an empty one would be a variable that a script did not set."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; name the UID of a series")
    return text.strip()


def require(packages: Sequence[str], what: str, install: str) -> None:
    """UserError where a package is missing. what: needs them; install: what pip is to install."""
    from nodules.base.files import UserError

    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        them = "it" if len(missing) == 1 else "them"
        needed = ", ".join(missing)
        raise UserError(
            f"{what} needs {needed}. Install {them}: pip install {shlex.quote(install)}"
        )
