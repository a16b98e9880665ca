"""Atomic writing of files, and errors that a person can act on."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nodules.base.messages import escaped


class UserError(Exception):
    """A defect in the input or set-up; its message names file, place, reason and remedy."""


class FileDefect(UserError):
    """A UserError that keeps place, reason and remedy apart, for tables of defects."""

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        super().__init__(f"{escaped(place)}: {reason}. {remedy}")
        self.place, self.reason, self.remedy = escaped(place), reason, remedy


def require_regular(path: str | os.PathLike[str]) -> None:
    """Raise OSError unless a path is a regular file or a link to one.

    Opening a named pipe would block until something writes to it, perhaps for ever.
    """
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success fsync it and rename it to `path`.

    The temporary file keeps the target's suffix, because many writers choose the format by it.
    If the block raises, the temporary file is removed and the target stays as it was. Temporary
    files left behind by killed writers of this target are removed first.
    Raises UserError if the target cannot be written or the disk is full.
    """
    target = Path(path)
    try:
        temporary = _beside(target)
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error.strerror}). Make its folder writable, or free "
            "space on its disk, then start again: what is finished stays."
        ) from error
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        fsync(temporary)
        temporary.replace(target)
        fsync(target.parent)
    except Exception as error:
        if isinstance(error, UserError) or not _is_full(temporary, error):
            raise
        raise UserError(
            f"{target}: the disk is full ({_first_line(error)}). Free space, then start again: "
            "what is finished stays."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _beside(target: Path) -> Path:
    """Create an empty temporary file beside the target, after removing its older ones."""
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix, suffix = f".{target.stem[:80]}.", f".part{target.suffix}"
    for old in target.parent.glob(f"{glob.escape(prefix)}{'[!.]' * 8}{glob.escape(suffix)}"):
        old.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=target.parent)
    os.close(handle)
    return Path(name)


def _is_full(written: Path, error: Exception) -> bool:
    """Whether a writer failed for lack of space, which some writers (torch's) do not report.

    Assumed if the disk has no more space free than the writer had already written, since its next
    chunk may have been larger than that.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    space = os.statvfs(written.parent)
    size = written.stat().st_size if written.exists() else 0
    return space.f_bavail * space.f_frsize <= size


def _first_line(error: Exception) -> str:
    """An error's message without what follows: pydicom appends a whole traceback."""
    return (str(error).splitlines() or [""])[0][:200]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def fsync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise UserError if a file of this name could not be written; creates nothing."""
    target = Path(path)
    above = next(folder for folder in target.absolute().parents if os.path.lexists(folder))
    reason = ""
    if target.exists() and not target.is_file():
        # Writing would replace a device file by a regular file.
        reason = "it is a folder" if target.is_dir() else "it is no plain file"
    elif not above.is_dir():
        reason = f"{above} is no folder"
    elif not os.access(above, os.W_OK | os.X_OK):
        reason = f"{above} cannot be written to"
    if reason:
        raise UserError(f"{target}: cannot be written: {reason}. Name another file.")


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write bytes to `path`, atomically."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write text as UTF-8 to `path`, atomically."""
    write_bytes(path, text.encode())


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN and infinity, not JSON, become null."""
    write_text(path, json.dumps(_plain(value), indent=2, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """A value with NumPy scalars and arrays as Python's own types; None for NaN and infinity."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text())


def write_array(path: str | os.PathLike[str], array: np.ndarray) -> None:
    """Write an array as `.npy`, atomically."""
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)


def open_array(path: str | os.PathLike[str]) -> np.ndarray:
    """Open a `.npy` file as a read-only memory map."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, as a hexadecimal string."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
