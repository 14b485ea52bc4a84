"""Drains a gateway before SIGTERM, which would abort its requests: `python -m gateway.drain`."""

import http.client
import socket
import sys
import time
from pathlib import Path

from gateway import DRAIN_SECONDS
from gateway.render import from_environment, list_defaults

MAX_DRAIN_SECONDS = 35
"""Requests that take longer are aborted. The pod's grace period is longer."""


class _Admin(http.client.HTTPConnection):
    """A connection to Envoy's admin address, which is a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _send(admin_socket: Path, method: str, path: str) -> str:
    connection = _Admin(admin_socket)
    try:
        connection.request(method, path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _count_active(admin_socket: Path) -> int:
    """Return the number of clients' requests that are in progress."""
    text = _send(admin_socket, "GET", "/stats?filter=^http\\.(public|recordings)\\.downstream_rq_active$")
    return sum(int(line.rpartition(" ")[2]) for line in text.splitlines())


def drain(
    admin_socket: Path, *, seconds: float = DRAIN_SECONDS, max_seconds: float = MAX_DRAIN_SECONDS
) -> None:
    """Close each connection after its next response, and wait until no request is in progress.

    Takes from `seconds` to `max_seconds`. Raises OSError.
    """
    started = time.monotonic()
    _send(admin_socket, "POST", "/drain_listeners?graceful&skip_exit")
    time.sleep(seconds)
    while _count_active(admin_socket) and time.monotonic() - started < max_seconds:
        time.sleep(0.2)


if __name__ == "__main__":
    try:
        drain(Path((list_defaults() | from_environment())["GATEWAY_ADMIN_SOCKET"]))
    except OSError as error:
        sys.exit(f"the gateway cannot be drained: {error}")
