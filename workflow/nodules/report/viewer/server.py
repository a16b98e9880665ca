"""A small local server: scans in full HU, a work list, and readings kept in a folder."""

import json
import secrets
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from nodules.base.files import UserError, write_text
from nodules.base.messages import escaped
from nodules.report.viewer import levels, page, readings
from nodules.report.viewer.shown import Shown, spec, told, whole

HOST = "127.0.0.1"
KEPT = 2  # scans in memory
HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
BYTES, JSON = "application/octet-stream", "application/json"


@dataclass(frozen=True)
class Item:
    """A scan of the work list: its UID, a few words on it, and what loads it.

    case: its `Shown.case`; "" if that is known only once it is loaded.
    """

    uid: str
    told: str
    load: Callable[[], Shown]
    case: str = ""


class Taken(UserError):
    """A reading's file already holds another reading."""


@dataclass(eq=False)
class Desk:
    """The scans that are served, those in memory, and the folder of readings.

    token: secret part of every URL, so that other users of this machine find nothing.
    """

    items: Sequence[Item]
    folder: Path
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    _held: OrderedDict[int, tuple[Shown, dict[str, list[bytes]]]] = field(
        default_factory=OrderedDict
    )
    _cases: dict[int, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def scan(self, number: int) -> tuple[Shown, dict[str, list[bytes]]]:
        """A scan, and the pieces of its and its prior's voxels; the last KEPT stay in memory."""
        with self._lock:
            if number not in self._held:
                while len(self._held) >= KEPT:
                    self._held.popitem(last=False)
                shown = self.items[number].load()
                volumes = {"voxels": shown.voxels}
                if shown.prior:
                    volumes["prior"] = shown.prior[0]
                pieces = {
                    name: [*levels.wide(levels.coded(voxels, levels.FULL))]
                    for name, voxels in volumes.items()
                }
                self._held[number] = (shown, pieces)
                self._cases[number] = shown.case
            self._held.move_to_end(number)
            return self._held[number]

    def page(self, number: int) -> str:
        """The page of a scan, which requests voxels and readings from this server."""
        shown, _ = self.scan(number)
        box = whole(shown.voxels.shape)
        volume = spec("scan", shown.geometry, box, levels.FULL, "voxels")
        prior = None
        if shown.prior:
            earlier, grid, _ = shown.prior
            prior = spec("prior", grid, whole(earlier.shape), levels.FULL, "prior")
        return page.html(told(shown, box, volume, prior, "readings"), {}, connects=True)

    def worklist(self) -> str:
        """The page of all scans."""
        begun = self._readings()
        return page.worklist(
            self._row(number, [one for one in begun if one.uid == item.uid])
            for number, item in enumerate(self.items)
        )

    def _row(self, number: int, begun: Sequence[readings.Reading]) -> dict[str, str]:
        """A row of the work list. begun: all readings of its scan."""
        item = self.items[number]
        case = self._cases.get(number, item.case)
        own = [one for one in begun if case in ("", one.case)]
        seen = any(one.values["first_read_finished"] or one.values["finished"] for one in own)
        states = [f"{one.reader}: {_state(one, case)}" for one in begun]
        return {
            "link": f"scan/{number}/",
            "uid": item.uid,
            "told": item.told if seen else "",  # hidden in a first read, as the marks are
            "state": ", ".join(states or ["not begun"]),
        }

    def readings_of(self, number: int) -> list[str]:
        """Readings of a scan with its current findings, as JSON texts."""
        case = self._case(number)
        return [json.dumps(one.values) for one in self._readings() if one.case == case]

    def _case(self, number: int) -> str:
        """`Shown.case` of a scan, which is loaded if need be."""
        if number not in self._cases:
            self.scan(number)
        return self._cases[number]

    def _readings(self) -> list[readings.Reading]:
        found = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                found.append(readings.parse(path.read_text(encoding="utf-8"), str(path)))
            except (UserError, ValueError, OSError):
                continue  # not one of ours: leave it alone
        return found

    def keep(self, number: int, text: str) -> None:
        """Write a reading and its submission.

        Raises UserError unless it is of this scan and its current findings, Taken if it would
        replace a reading that was begun at another time.
        """
        reading = readings.parse(text, "the reading")
        if reading.uid != self.items[number].uid:
            raise UserError("The reading is of another scan. Load the page again.")
        if reading.case != self._case(number):
            raise UserError("The reading is of other findings of this scan. Load the page again.")
        stem = self.folder / readings.file_name(reading)
        rows = [(reading.uid, *mark) for mark in reading.marks()]
        table = [
            "seriesuid,coordX,coordY,coordZ,probability",
            *(",".join(map(str, r)) for r in rows),
        ]
        with self._lock:
            _require_same(stem.with_name(f"{stem.name}.json"), reading)
            write_text(stem.with_name(f"{stem.name}.json"), f"{text.rstrip()}\n")
            write_text(stem.with_name(f"{stem.name}.csv"), "".join(f"{row}\n" for row in table))


def _state(reading: readings.Reading, case: str) -> str:
    """A reading's progress in words. case: of the scan's current findings; "" if unknown."""
    state = "finished" if reading.values["finished"] else "begun"
    return state if case in ("", reading.case) else f"{state} (of earlier findings)"


def _require_same(path: Path, reading: readings.Reading) -> None:
    """Raise Taken if a file holds anything but an earlier state of this reading."""
    if not path.exists():
        return
    try:
        begun = readings.parse(path.read_text(encoding="utf-8"), str(path)).values["begun"]
    except (UserError, ValueError, OSError):
        begun = ""
    if begun != reading.values["begun"]:
        told = f"another reading of {reading.reader}, begun {begun}" if begun else "something else"
        raise Taken(
            f"{path.name} holds {told}. Reload the page and continue that one, use another name, "
            "or move the file away."
        )


def _is_count(text: str) -> bool:
    """Whether a text is a plausible number; int() refuses thousands of digits."""
    return text.isascii() and text.isdecimal() and len(text) <= 12


def serve(desk: Desk, port: int = 0) -> ThreadingHTTPServer:
    """A server on the loopback address; `address` gives its URL, `serve_forever` runs it."""

    class Handler(_Handler):
        own = desk

    try:
        server = _Server((HOST, port), Handler)
    except OSError as error:
        raise UserError(f"--port {port}: {error.strerror}. Name another, or none.") from error
    return server


def address(server: ThreadingHTTPServer, desk: Desk) -> str:
    """URL of the work list."""
    return f"http://{HOST}:{server.server_address[1]}/{desk.token}/"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors, except that a tab was closed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    own: Desk
    server: ThreadingHTTPServer
    protocol_version = "HTTP/1.1"
    server_version = "luna16"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the work list, a page, voxels or readings."""
        self._answered(self._get)

    def do_PUT(self) -> None:
        """Keep a reading."""
        self._answered(self._put)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: URLs hold the token."""

    def _answered(self, answer: Callable[[list[str]], tuple[bytes, str] | None]) -> None:
        try:
            found = answer(self._place()) if self._is_ours() else None
            self.close_connection |= not found  # an unread body would pass for the next request
            content, kind = found or (b"There is nothing here.\n", TEXT)
            self._send(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, content, kind)
        except UserError as error:
            taken = isinstance(error, Taken)
            status = HTTPStatus.CONFLICT if taken else HTTPStatus.UNPROCESSABLE_ENTITY
            self._send(status, f"{escaped(str(error))}\n".encode(), TEXT)
        except ConnectionError:
            self.close_connection = True  # the tab is gone
        except Exception as error:  # a defect of ours, or of a disk: the page reports it
            self.close_connection = True
            told = f"The server failed unexpectedly ({type(error).__name__}). Please report it.\n"
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, told.encode(), TEXT)

    def _is_ours(self) -> bool:
        """Whether Host and Origin name this server, against DNS rebinding by other sites."""
        port = self.server.server_address[1]
        origin = self.headers.get("Origin")
        hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        known = origin is None or origin in {f"http://{host}" for host in hosts}
        return self.headers.get("Host") in hosts and known

    def _place(self) -> list[str]:
        """The parts of the path after the token; empty if the token is missing or wrong."""
        parts = self.path.split("?")[0].split("/")[1:]
        if not parts or not secrets.compare_digest(parts[0].encode(), self.own.token.encode()):
            return []
        return parts[1:]

    def _get(self, place: list[str]) -> tuple[bytes, str] | None:
        match place:
            case [""]:
                return self.own.worklist().encode(), HTML
            case ["scan", number, ""] if self._known(number):
                return self.own.page(int(number)).encode(), HTML
            case ["scan", number, "readings"] if self._known(number):
                return json.dumps(self.own.readings_of(int(number))).encode(), JSON
            case ["scan", number, kind, piece] if self._known(number) and _is_count(piece):
                pieces = self.own.scan(int(number))[1].get(kind, [])
                return (pieces[int(piece)], BYTES) if int(piece) < len(pieces) else None
        return None

    def _put(self, place: list[str]) -> tuple[bytes, str] | None:
        length = self.headers.get("Content-Length", "")
        if not place:
            return None
        if not _is_count(length) or int(length) > readings.MOST_BYTES:
            self.close_connection = True
            raise UserError("The reading is too large, or its length is not told.")
        body = self.rfile.read(int(length))
        match place:
            case ["scan", number, "readings"] if self._known(number):
                self.own.keep(int(number), body.decode("utf-8", "replace"))
                return b"kept\n", TEXT
        return None

    def _known(self, number: str) -> bool:
        return _is_count(number) and int(number) < len(self.own.items)

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
