"""A server of the run: a program that counts as started once it responds."""

import http.client
import importlib.util
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.processes import Process, Program, Run, RunFailed


def _do_nothing() -> None:
    """Do nothing: most servers need no preparation."""


def _return_true() -> bool:
    """Return True: most servers that respond also work."""
    return True


@dataclass(kw_only=True)
class Server:
    """A program that can be started, stopped, killed and restarted on the same data.

    `prepare` runs before each start and creates the files that the program needs. `is_responding` returns
    whether the program responds to requests; an OSError means not yet. `is_working` returns whether a program
    that responds also works.
    """

    run: Run
    program: Program
    is_responding: Callable[[], bool]
    prepare: Callable[[], None] = _do_nothing
    is_working: Callable[[], bool] = _return_true
    timeout_seconds: float = 60
    process: Process | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """Name of the process, its log and its pid file."""
        return self.program.name

    @property
    def alive(self) -> bool:
        """True if its process runs; it may not respond yet."""
        return self.process is not None and self.process.returncode is None

    def start(self) -> None:
        """Launch it and wait until it responds. Raises RunFailed when it ends or does not respond in time."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start the process without waiting for a response."""
        self.prepare()
        self.process = self.run.spawn(self.program)

    def wait(self) -> None:
        """Wait until it responds. Raises RunFailed when it ends or does not respond in time."""
        deadline = time.monotonic() + self.timeout_seconds
        while not self.responds:
            if not self.alive:
                raise RunFailed(f"{self.name} ended while starting:\n{self.run.read_last_lines(self.name)}")
            if time.monotonic() > deadline:
                last_lines = self.run.read_last_lines(self.name)
                raise RunFailed(
                    f"{self.name} does not answer after {self.timeout_seconds:.0f} s:\n{last_lines}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to end and wait; kill it after the timeout."""
        if self.process is not None:
            self.process.stop()

    def kill(self) -> None:
        """Kill it with SIGKILL, as a crash would."""
        if self.process is not None:
            self.process.kill()

    @property
    def responds(self) -> bool:
        """True if it is running and responds now."""
        try:
            return self.alive and self.is_responding()
        except (OSError, http.client.HTTPException):
            return False


def send_probe(port: int, question: bytes) -> bytes:
    """Send bytes to the server on this port and return the start of its response."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(question)
        return connection.recv(512)


def fetch_status(port: int, path: str) -> int:
    """Return the status of GET `path` on this port."""
    return fetch(port, path)[0]


def fetch(port: int, path: str) -> tuple[int, str]:
    """Return status and body of GET `path` on this port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()


def find_wheel(package: str) -> Path:
    """Return the folder of an installed package without importing it: some have side effects on import."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise RunFailed(f"the package {package} is missing: run deploy/local/bootstrap.sh")
    return Path(spec.origin).parent
