"""A small web server on the loopback that serves files, and fails as it is told to."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Fault = Callable[["Handler", bytes], bool]  # answers a request; whether it did so wholly


@dataclass
class Loopback:
    """What is served by path, and what goes wrong with the next requests of it, one fault each.

    asked: path and Range header of each request. sent: bytes of file content that went out.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    ranges: bool = True  # whether it goes on where asked to
    lengths: bool = True  # whether it says how long a file is
    url: str = ""
    agents: set[str] = field(default_factory=set)
    busy: int = 0
    busiest: int = 0  # most requests at a time


class Handler(BaseHTTPRequestHandler):
    """Answers GET from a Loopback."""

    protocol_version = "HTTP/1.1"
    # Answers leave whole, after do_GET: so that no client, served already and back with its next
    # request, finds the last one still counted as busy.
    wbufsize = 1 << 24
    loopback: Loopback

    def log_message(self, *_: object) -> None:
        """Tests need no log."""

    def do_GET(self) -> None:
        """Serve a file, or do what the next fault of its path says."""
        here = self.loopback
        here.busy += 1
        here.busiest = max(here.busiest, here.busy)
        threading.Event().wait(0.001)  # long enough for a second client to be seen
        try:
            here.asked.append((self.path, self.headers.get("Range", "")))
            here.agents.add(self.headers.get("User-Agent", ""))
            content = here.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            waiting = here.faults.get(self.path, [])
            if not (waiting and waiting.pop(0)(self, content)):
                self.serve(content)
        finally:
            here.busy -= 1

    def serve(self, content: bytes, most: int | None = None) -> None:
        """Send a file from where it is asked for; no more than `most` bytes, then hang up."""
        here, wanted = self.loopback, self.headers.get("Range", "")
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and here.ranges else 0
        if first >= len(content) and first:
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        rest = content[first:]
        if here.lengths:
            self.send_header("Content-Length", str(len(rest)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        part = rest if most is None else rest[:most]
        self.wfile.write(part)
        here.sent += len(part)
        if most is not None:
            self.close_connection = True


def cut(most: int) -> Fault:
    """Hang up after so many bytes."""

    def fault(handler: Handler, content: bytes) -> bool:
        handler.serve(content, most)
        return True

    return fault


def answer(code: int, **headers: str) -> Fault:
    """Another status, with headers (Retry_After as Retry-After)."""

    def fault(handler: Handler, _: bytes) -> bool:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    return fault


def instead(content: bytes) -> Fault:
    """Something else than the file, as if it were right."""

    def fault(handler: Handler, _: bytes) -> bool:
        handler.serve(content)
        return True

    return fault


def elsewhere(handler: Handler, content: bytes) -> bool:
    """Go on from the start although asked to go on behind it."""
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 0-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
    return True


def silent(seconds: float) -> Fault:
    """Say nothing for a while before the file."""

    def fault(_: Handler, __: bytes) -> bool:
        time.sleep(seconds)
        return False

    return fault


class Quiet(ThreadingHTTPServer):
    """Says nothing of clients that hang up."""

    def handle_error(self, *_: object) -> None:
        """Tests look at what arrives."""


@contextlib.contextmanager
def serving() -> Iterator[Loopback]:
    """A server on a free port of 127.0.0.1, for as long as the block lasts."""
    here = Loopback()
    handler = type("Bound", (Handler,), {"loopback": here})
    server = Quiet(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    here.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
