"""Files from a server: one at a time, gone on with where they were cut, tried again after a pause.

A server is asked by one connection, says itself how long to wait (Retry-After), and waits ever
longer between failures. What arrives lies beside its target as `<name>.part` until it is whole and
what is known of it holds; so a download that was stopped goes on, and no target is ever half there.
"""

import hashlib
import http.client
import json
import logging
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from nodules.base.files import UserError
from nodules.base.messages import escaped, shown

BLOCK = 1 << 18
LONG = 5.0  # seconds of waiting that a person is told of
AGENT = "luna16-nodules"
BUSY = (408, 425, 429, 500, 502, 503, 504)  # answers that may be another a little later
MOST_JSON_BYTES = 16 << 20
STAYS = "Start again later: what is there stays."
REACH = "Check the network, and https_proxy where there is a proxy; what is there stays."

log = logging.getLogger(__name__)

# Bytes there, bytes in all or 0 where the server does not say.
Tell = Callable[[int, int], object]
# What is wrong with a whole file, "" for nothing.
Complaint = Callable[[Path], str]


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for, in seconds, and how often it is asked again.

    tries: in a row that get no further; contacts: of them, without a connection at all.
    """

    tries: int = 6
    contacts: int = 2
    wrong: int = 2
    pause: float = 2.0
    longest: float = 300.0
    timeout: float = 60.0

    def after(self, failures: int, asked: float = 0.0) -> float:
        """Seconds to wait after some failures in a row; `asked` is what the server wants."""
        return float(min(max(self.pause * 2 ** (failures - 1), asked), self.longest))


PATIENT = Patience()


class Unreachable(UserError):
    """A server that cannot be reached at all: others' files will not come from it either."""


class NothingMore(Exception):
    """The server has no byte behind those that are here already."""


class Failure(Exception):
    """A try that came to nothing.

    wait: seconds that the server asks for. hopeless: whether trying again would be no use.
    contact: whether the server was reached at all.
    """

    def __init__(
        self, reason: str, wait: float = 0.0, hopeless: bool = False, contact: bool = True
    ) -> None:
        super().__init__(reason)
        self.wait, self.hopeless, self.contact = wait, hopeless, contact


def fetch(
    url: str,
    target: Path,
    complaint: Complaint,
    patience: Patience = PATIENT,
    tell: Tell = lambda done, total: None,
) -> None:
    """Download a file, whole or not at all.

    complaint: looks at the whole file; where it objects, the file is fetched anew from its start,
    and given up where that is no better. Raises UserError: the server cannot be reached, refuses,
    is cut off again and again, or sends something else.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    failures = wrong = 0
    most = _size(part)
    while True:
        try:
            _receive(url, part, patience, tell)
        except Failure as failure:
            # Further than ever, whether the server goes on or begins anew.
            failures = 1 if _size(part) > most else failures + 1
            most = max(most, _size(part))
            _pause_or_raise(url, failure, failures, patience)
            continue
        said = complaint(part)
        if not said:
            break
        part.unlink(missing_ok=True)
        wrong += 1
        if wrong >= patience.wrong:
            raise UserError(f"{url}: {said}. {STAYS}")
        time.sleep(patience.after(wrong))
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(target)


def get_json(url: str, patience: Patience = PATIENT) -> Any:
    """What a server answers as JSON. Raises UserError where it does not, or is not reached."""
    failures = 0
    while True:
        try:
            text = _text(url, patience)
        except Failure as failure:
            failures += 1
            _pause_or_raise(url, failure, failures, patience)
            continue
        try:
            return json.loads(text)
        except ValueError as error:
            raise UserError(f"{url}: {odd(text)}, but JSON was expected. {STAYS}") from error


def _text(url: str, patience: Patience) -> bytes:
    """A short answer; Failure where the server or the connection fails."""
    with _opened(url, 0, patience) as response:
        text = b""
        while block := _block(response):
            text += block
            if len(text) > MOST_JSON_BYTES:
                raise Failure("the answer has no end", hopeless=True)
        if response.length:
            raise Failure(f"the answer was cut after {len(text)} bytes")
    return text


def odd(begins: bytes) -> str:
    """What a server sent in place of what it was asked for, by its first bytes."""
    text = begins[:200].decode("utf-8", errors="replace").strip()
    if not begins:
        return "the server sent nothing"
    if text[:1] == "<":
        return "the server sent a web page, as servers do that are being repaired"
    return f"the server sent something else (it begins '{escaped(shown(text, 40))}')"


def md5(path: Path) -> str:
    """MD5 of a file, as a hexadecimal string: what archives tell of their files."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _pause_or_raise(url: str, failure: Failure, failures: int, patience: Patience) -> None:
    """Wait before the next try; UserError where there is to be none."""
    most = patience.tries if failure.contact else patience.contacts
    if failure.hopeless or failures >= most:
        host = urllib.parse.urlsplit(url).netloc
        if not failure.contact:
            raise Unreachable(f"{host}: cannot be reached ({failure}). {REACH}") from failure
        raise UserError(f"{url}: {failure}. {STAYS}") from failure
    pause = patience.after(failures, failure.wait)
    if pause >= LONG:
        host = urllib.parse.urlsplit(url).netloc
        log.warning("%s: %s; trying again in %.0f s", host, failure, pause)
    time.sleep(pause)


def _receive(url: str, part: Path, patience: Patience, tell: Tell) -> None:
    """Fetch what is missing of a file; Failure where the server or the connection fails."""
    held = _size(part)
    try:
        answer = _opened(url, held, patience)
    except NothingMore:
        return  # all was there; whether it is right, the complaint says
    with answer as response:
        if response.status == 206 and not _goes_on(response.headers, held):
            part.unlink()
            raise Failure("the server went on at another place than it was asked to")
        first = held if response.status == 206 else 0
        length = response.headers.get("Content-Length", "")
        total = first + int(length) if length.isdecimal() else 0
        there = first
        tell(there, total)
        with part.open("r+b" if first else "wb") as out:
            out.seek(first)
            while block := _block(response):
                out.write(block)
                there += len(block)
                tell(there, total)
    if total and there < total:
        raise Failure(f"the connection was cut after {there} of {total} bytes")


def _block(response: http.client.HTTPResponse) -> bytes:
    """The next bytes of an answer; Failure where the connection breaks."""
    try:
        return response.read1(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"the connection was cut ({_words(error)})") from error


def _opened(url: str, held: int, patience: Patience) -> http.client.HTTPResponse:
    """The answer of a server, asked to go on behind the bytes held; Failure where it refuses."""
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(
            request, timeout=patience.timeout
        )
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and held:
                raise NothingMore from error
            said = f"the server answers {error.code} ({error.reason})"
            raise Failure(said, _wanted(error.headers), error.code not in BUSY) from error
    except urllib.error.URLError as error:
        slow = isinstance(error.reason, TimeoutError)
        raise Failure(_words(error.reason), contact=slow) from error
    except ValueError as error:
        raise Failure(f"is no address of a server ({error})", hopeless=True) from error
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"the connection was cut ({_words(error)})") from error
    return response


def _wanted(headers: Message) -> float:
    """Seconds that a server asks to be left alone for; 0 where it does not say."""
    told = headers.get("Retry-After", "")
    if told.strip().isdecimal():
        return float(told)
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _goes_on(headers: Message, held: int) -> bool:
    """Whether a partial answer begins where it was asked to."""
    return str(headers.get("Content-Range", "")).startswith(f"bytes {held}-")


def _words(error: object) -> str:
    """A network's error in a few words."""
    if isinstance(error, socket.gaierror):
        return "its name is not known: no network?"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer ends too early"
    strerror = getattr(error, "strerror", None)
    return str(strerror or error or type(error).__name__)[:100]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
