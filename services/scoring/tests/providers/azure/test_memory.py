import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the options are glibc's")

PROGRAM = """
import asyncio, ctypes, threading, time
from scoring.providers.azure.service_breaker import ServiceBreaker
from scoring.providers.azure.configuration import Connection
from scoring.providers.azure.provider import AzureProvider

connection = Connection(key="key", region="westeurope")
breaker = ServiceBreaker(time.monotonic)
asyncio.run(AzureProvider(connection, concurrency=1, timeout_seconds=1, breaker=breaker).start())
libc, together = ctypes.CDLL(None), threading.Barrier(16)

def allocate():
    together.wait()
    libc.malloc(1000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_stats()
"""


def test_a_started_provider_bounds_the_arenas_of_its_process() -> None:
    ended = subprocess.run(  # noqa: S603 - of the tests
        (sys.executable, "-c", PROGRAM), check=True, capture_output=True, text=True, timeout=60
    )
    arenas = [line for line in ended.stderr.splitlines() if line.startswith("Arena ")]
    assert len(arenas) == 2
