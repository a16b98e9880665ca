"""What every script shares: messages to the terminal and the rule's log, errors in sentences."""

import logging
import sys
from collections.abc import Callable
from typing import Any

from nodules.base.files import UserError

log = logging.getLogger("nodules")


def run(main: Callable[[Any], None], snakemake: Any) -> None:
    """Run a script's `main(snakemake)`; its messages go to stderr and to the rule's log file.

    A UserError ends the job with its message; any other exception also leaves its traceback in
    the log.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if snakemake.log:
        handlers.append(logging.FileHandler(str(snakemake.log[0]), mode="w", encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
    logging.captureWarnings(True)
    # A log that cannot be written (the disk is full) must not bury the message under its own.
    logging.raiseExceptions = False
    try:
        main(snakemake)
    except UserError as error:
        log.error("%s: %s", snakemake.rule, error)
        sys.exit(1)
    except Exception:
        log.exception("%s failed unexpectedly", snakemake.rule)
        sys.exit(1)
