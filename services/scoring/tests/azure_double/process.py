"""The double in a separate process, so that its work does not count for the process under test."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVICE = Path(__file__).parents[2]


@contextmanager
def run_double(*, delay_seconds: float = 0) -> Iterator[str]:
    """Yield the address of a double that scores every recording after a delay."""
    command = (sys.executable, "-m", "tests.azure_double", "--delay-seconds", str(delay_seconds))
    with subprocess.Popen(command, cwd=SERVICE, stdout=subprocess.PIPE) as process:  # noqa: S603 - of the tests
        try:
            assert process.stdout
            address = process.stdout.readline().decode().split()[0]
            yield address.partition("=")[2]
        finally:
            process.terminate()
            process.wait(timeout=10)
