"""Downloads, one at a time: resumed where they broke off, retried after a pause.

One connection per server; pauses grow with each failure in a row and respect Retry-After. Data
arrive beside their target as `<name>.part` and are renamed once complete and verified; so a stopped
download can be resumed, and no target is ever incomplete.
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
LONG = 5.0  # seconds; pauses from this length on are logged
AGENT = "luna16-nodules"
BUSY = (408, 425, 429, 500, 502, 503, 504)  # HTTP statuses worth a retry
MOST_JSON_BYTES = 16 << 20
STAYS = "Start again later: what is there stays."
REACH = "Check the network, and https_proxy where there is a proxy; what is there stays."

log = logging.getLogger(__name__)

# Progress callback: bytes received, bytes in total (0 if the server does not say).
Tell = Callable[[int, int], object]
# Check of a complete file: what is wrong with it, "" for nothing.
Complaint = Callable[[Path], str]


@dataclass(frozen=True)
class Patience:
    """Limits of retries, and of waiting for a server, in seconds.

    tries:    failures in a row without progress before giving up.
    contacts: the same limit when the server cannot be reached at all.
    wrong:    complete files that fail their check before giving up.
    pause:    after the first failure; doubled with each further one, up to `longest`.
    timeout:  of connecting and of each read.
    """

    tries: int = 6
    contacts: int = 2
    wrong: int = 2
    pause: float = 2.0
    longest: float = 300.0
    timeout: float = 60.0

    def after(self, failures: int, asked: float = 0.0) -> float:
        """Seconds to wait after so many failures in a row; `asked` is the server's Retry-After."""
        return float(min(max(self.pause * 2 ** (failures - 1), asked), self.longest))


PATIENT = Patience()


class Unreachable(UserError):
    """A server that cannot be reached at all, so its other files need not be tried."""


class NothingMore(Exception):
    """The server has no bytes beyond those already received (HTTP 416)."""


class Failure(Exception):
    """A failed attempt.

    wait: seconds that the server asks for. hopeless: whether a retry would be pointless.
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
    """Download a file, completely or not at all.

    complaint: checks the complete file; a file that fails is fetched again from the start, until
    `patience.wrong` files have failed. tell: progress callback.
    Raises UserError if the server cannot be reached, refuses, keeps breaking off, or sends
    something else.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    failures = wrong = 0
    most = _size(part)
    while True:
        try:
            _receive(url, part, patience, tell)
        except Failure as failure:
            # Progress means more bytes than ever, whether the server resumed or started over.
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
    """A server's answer, parsed as JSON. Raises UserError if it fails or is not JSON."""
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
    """A short answer's bytes. Raises Failure if the server or the connection fails."""
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
    """Description, for a message, of an unexpected answer, from its first bytes."""
    text = begins[:200].decode("utf-8", errors="replace").strip()
    if not begins:
        return "the server sent nothing"
    if text[:1] == "<":
        return "the server sent a web page, as servers do that are being repaired"
    return f"the server sent something else (it begins '{escaped(shown(text, 40))}')"


def md5(path: Path) -> str:
    """MD5 of a file, as a hexadecimal string, as archives publish it for their files."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _pause_or_raise(url: str, failure: Failure, failures: int, patience: Patience) -> None:
    """Wait before the next attempt. Raises UserError if there should be none."""
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
    """Fetch the missing bytes of a file. Raises Failure if the server or the connection fails."""
    held = _size(part)
    try:
        answer = _opened(url, held, patience)
    except NothingMore:
        return  # already complete; the caller checks it
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
    """The next bytes of an answer. Raises Failure if the connection breaks."""
    try:
        return response.read1(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"the connection was cut ({_words(error)})") from error


def _opened(url: str, held: int, patience: Patience) -> http.client.HTTPResponse:
    """A server's answer, from byte `held` on. Raises NothingMore, or Failure if it refuses."""
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
    """Seconds to wait by a server's Retry-After (a number or a date); 0 if it gives none."""
    told = headers.get("Retry-After", "")
    if told.strip().isdecimal():
        return float(told)
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _goes_on(headers: Message, held: int) -> bool:
    """Whether a partial answer starts at the requested byte."""
    return str(headers.get("Content-Range", "")).startswith(f"bytes {held}-")


def _words(error: object) -> str:
    """A network error in a few words."""
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
