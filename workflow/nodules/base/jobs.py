"""What every script shares: messages to the rule's log and the terminal, errors in sentences."""

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
    """A rule's log. What cannot be written there (the disk is full) goes to stderr instead."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Show the message, and nothing of why the log cannot take it."""
        if QUIET_JOBS in os.environ:
            sys.stderr.write(f"{self.format(record)}\n")


def draws_bars() -> bool:
    """Whether there is a terminal for progress bars, and nothing else that is shown there."""
    return QUIET_JOBS not in os.environ and sys.stderr.isatty()


def _is_warning(record: logging.LogRecord) -> bool:
    """Whether a message is a warning of this project's own."""
    return record.levelno == logging.WARNING and record.name != "py.warnings"


def run(main: Callable[[Any], None], snakemake: Any) -> None:
    """Run a script's `main(snakemake)`; its messages go to stderr and to the rule's log file.

    Where the run has one line a job on the terminal (`base.terminal`), only warnings go there as
    well. A UserError ends the job with its message; any other exception also leaves its traceback
    in the log.
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
    """End the process at once: freeing its objects one by one takes PyTorch half a second or more.

    What modules have asked to be done at the end, such as ending their processes, is done.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
