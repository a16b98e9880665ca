"""One process at a time where two would spoil each other's work."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from nodules.base.files import UserError
from nodules.base.messages import escaped


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder, created if it is missing, so that no other process can hold it meanwhile.

    Raises UserError if another process holds it, or if it cannot be created or opened. The folder
    itself is locked, so that no file is left behind, and the lock ends with the process however
    that ends. On file systems without locks nothing is held.
    """
    told = escaped(str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UserError(
            f"{told}: cannot be written ({error.strerror}). Name another folder."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise UserError(
            f"{told}: another process is writing to this folder. Wait until it has ended, or name "
            "another folder."
        ) from error
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(descriptor)
