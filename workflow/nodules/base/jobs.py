"""The frame in which every script runs: logging to the rule's log and terminal, and errors."""

import atexit
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from nodules.base.files import UserError
from nodules.base.terminal import QUIET_JOBS

log = logging.getLogger("nodules")


class LogFile(logging.FileHandler):
    """A rule's log file; messages it cannot take (a full disk) go to stderr instead."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Write the message to stderr, without the reason why the log failed."""
        if QUIET_JOBS in os.environ:
            sys.stderr.write(f"{self.format(record)}\n")


def draws_bars() -> bool:
    """Whether stderr is a terminal that `base.terminal` leaves free for progress bars."""
    return QUIET_JOBS not in os.environ and sys.stderr.isatty()


def _is_warning(record: logging.LogRecord) -> bool:
    """Whether a message is a warning of this project, not one from Python's `warnings`."""
    return record.levelno == logging.WARNING and record.name != "py.warnings"


def run(main: Callable[[Any], None], snakemake: Any) -> None:
    """Run a script's `main(snakemake)`; its messages go to stderr and to the rule's log file.

    If the run prints one line per job (`base.terminal`), only warnings go to stderr. A UserError
    ends the job with its message; any other exception also leaves its traceback in the log.
    """
    stream = logging.StreamHandler(sys.stderr)
    handlers: list[logging.Handler] = [stream]
    if snakemake.log:
        handlers.append(LogFile(str(snakemake.log[0]), mode="w", encoding="utf-8"))
        if QUIET_JOBS in os.environ:
            stream.addFilter(_is_warning)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False
    try:
        main(snakemake)
    except UserError as error:
        log.error("%s: %s", snakemake.rule, error)
        sys.exit(1)
    except Exception:
        log.exception("%s failed unexpectedly", snakemake.rule)
        sys.exit(1)
    if main.__module__ == "__main__":  # the program is a script, with nothing left to do
        _leave()


def _leave() -> None:
    """Exit at once: freeing PyTorch's objects one by one takes half a second or more.

    Exit handlers of modules (atexit), such as those that end worker processes, still run.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
