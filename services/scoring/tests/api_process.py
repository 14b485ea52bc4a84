"""The API in a separate process, as in production."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from scoring.settings import ApiSettings

SCORE = "/api/v1/speech/score"
COMMAND = (sys.executable, "-m", "scoring", "api")
START_TIMEOUT_SECONDS = 60


class Output:
    """The output of a process, collected while it runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        self._pipe, self._printed = process.stdout, bytearray()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        while part := os.read(self._pipe.fileno(), 65_536):
            self._printed += part

    def read(self) -> bytes:
        """Return the whole output, once the process has ended."""
        self._thread.join(timeout=10)
        return bytes(self._printed)


def find_free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def build_environment(settings: ApiSettings, **overrides: str) -> dict[str, str]:
    """Return the settings of the tests as the variables of a process that logs as much as it can."""
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "ENVIRONMENT": "test",
        "LOG_LEVEL": "DEBUG",
        "PORT": str(find_free_port()),
        "JWKS_URL": settings.jwks_url,
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "RECEIPT_SIGNING_KEYS_FILE": str(settings.receipt_signing_keys_file),
        "RATE_LIMIT_ENABLED": "false",
        "SCORING_WORKERS": "1",
        "SHUTDOWN_DELAY_SECONDS": "0",
        **overrides,
    }


def wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            if httpx.get(f"{url}/ready", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError(f"{url} is not ready.")
        time.sleep(0.05)


@contextmanager
def run_api(
    variables: Mapping[str, str], command: Sequence[str | Path] = COMMAND
) -> Iterator[psutil.Process]:
    """Run the API until the block ends."""
    with subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL) as process:  # noqa: S603 - of the tests
        try:
            wait_until_ready(process, f"http://127.0.0.1:{variables['PORT']}")
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)
