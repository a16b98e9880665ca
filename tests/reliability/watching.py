"""Tells at once, through Linux's inotify, when a file appears anywhere below a folder."""

import ctypes
import os
import re
import select
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

IN_CREATE, IN_ISDIR = 0x100, 0x40000000
EVENT = struct.Struct("iIII")
LIBC = ctypes.CDLL(None, use_errno=True)

UNFINISHED = re.compile(r"^\.(.+)\.[a-z0-9_]{8}\.part((?:\.\w+)?)$")  # of nodules.base.files.atomic


def kind(path: Path) -> str:
    """A file's name without the numbers in it; one that is being written ends in `*`."""
    name, star = path.name, ""
    if match := UNFINISHED.match(name):
        name, star = match[1] + match[2], "*"
    return re.sub(r"\d+(\.\d+)*", "#", str(path.with_name(name))) + star


class Watch:
    """Watches a folder and, as they come, all folders below it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.watched = folder, {}

    def __enter__(self) -> "Watch":
        self.handle = LIBC.inotify_init1(os.O_NONBLOCK)
        assert self.handle >= 0, os.strerror(ctypes.get_errno())
        list(self._add(self.folder))  # what is there already is no news
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType
    ) -> None:
        os.close(self.handle)

    def created(self, timeout_s: float) -> Iterator[Path]:
        """Files, relative to the folder, that appear within a time; ends when it is over."""
        end = time.monotonic() + timeout_s
        while (left := end - time.monotonic()) > 0:
            if select.select([self.handle], [], [], left)[0]:
                for path in self._events():
                    yield path.relative_to(self.folder)

    def _events(self) -> Iterator[Path]:
        content, place = os.read(self.handle, 65_536), 0
        while place < len(content):
            number, mask, _, length = EVENT.unpack_from(content, place)
            name = content[place + EVENT.size :][:length].rstrip(b"\0").decode()
            place += EVENT.size + length
            path = self.watched[number] / name
            if mask & IN_ISDIR:
                # Files that came before the new folder was watched are news too.
                yield from self._add(path)
            else:
                yield path

    def _add(self, folder: Path) -> Iterator[Path]:
        number = LIBC.inotify_add_watch(self.handle, os.fsencode(folder), IN_CREATE)
        if number < 0:
            return  # gone already
        self.watched[number] = folder
        for path in sorted(folder.iterdir()):
            if path.is_dir() and not path.is_symlink():
                yield from self._add(path)
            else:
                yield path
