"""Firefox without another package: its own remote protocol, Marionette, spoken over a socket.

Source: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html, version 3.
"""

import base64
import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PREFERENCES = {
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}
START_S = 120


class Firefox:
    """A session of a headless Firefox."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._file = stream.makefile("rb")
        self._sent = 0
        self._read()  # what it says of itself
        self.ask("WebDriver:NewSession", strictFileInteractability=False)

    def ask(self, command: str, **parameters: Any) -> Any:
        """Send a command and wait for its answer. Raises RuntimeError where it fails."""
        self._sent += 1
        text = json.dumps([0, self._sent, command, parameters]).encode()
        self._stream.sendall(f"{len(text)}:".encode() + text)
        _, _, error, value = self._read()
        if error:
            raise RuntimeError(f"{command}: {error['message']}")
        return value

    def _read(self) -> Any:
        length = b""
        while (letter := self._file.read(1)) != b":":
            if not letter:
                raise RuntimeError("Firefox has closed the connection")
            length += letter
        return json.loads(self._file.read(int(length)))

    def open(self, address: str) -> None:
        """Go to an address."""
        self.ask("WebDriver:Navigate", url=address)

    def value(self, expression: str) -> Any:
        """The value of an expression on the page."""
        told = self.ask("WebDriver:ExecuteScript", script=f"return {expression}", args=[])
        return told["value"]

    def press(self, *keys: str) -> None:
        """Press keys, one after another, as WebDriver spells them."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.ask(
            "WebDriver:PerformActions", actions=[{"type": "key", "id": "k", "actions": actions}]
        )

    def picture(self) -> bytes:
        """PNG of the page as it is on the screen."""
        told = self.ask("WebDriver:TakeScreenshot", full=False)
        return base64.b64decode(told["value"])


@contextlib.contextmanager
def running(program: str, profile: Path, size: tuple[int, int] = (1280, 720)) -> Iterator[Firefox]:
    """A headless Firefox with a fresh profile, ended at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    profile.mkdir(parents=True)
    told = PREFERENCES | {"marionette.port": port}
    lines = (f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in told.items())
    (profile / "user.js").write_text("".join(lines))
    window = ["--width", str(size[0]), "--height", str(size[1])]
    command = [program, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen([*command, *window], stdout=log, stderr=log)
    try:
        with _connected(port, process) as stream:
            yield Firefox(stream)
    finally:
        process.terminate()
        process.wait(60)


def _connected(port: int, process: "subprocess.Popen[bytes]") -> socket.socket:
    """A connection, as soon as it listens."""
    for _ in range(START_S * 4):
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), timeout=START_S)
        if process.poll() is not None:
            break
        time.sleep(0.25)
    raise RuntimeError("Firefox did not start")
