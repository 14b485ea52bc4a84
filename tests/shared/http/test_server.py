"""A process that is asked to stop says so before it closes."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from gateway.tests.envoy import free_port

PROGRAM = """
import gc
import sys
from shared.http.health import health, ready
from shared.http.server import serve
from shared.settings import HttpApiSettings
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def frozen(_):
    return PlainTextResponse(str(gc.get_freeze_count()))

app = Starlette(routes=[Route("/health", health), Route("/ready", ready), Route("/frozen", frozen)])
app.state.checks = {}
serve(app, HttpApiSettings(port=int(sys.argv[1]), shutdown_delay_seconds=1, environment="test"))
"""


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{free_port()}") as client:
        yield client


@pytest.fixture
def process(client: httpx.Client) -> Iterator[subprocess.Popen[bytes]]:
    port = str(client.base_url.port)
    with subprocess.Popen([sys.executable, "-c", PROGRAM, port]) as process:  # noqa: S603 - our own program
        try:
            _wait_until_up(client)
            yield process
        finally:
            process.kill()


def _wait_until_up(client: httpx.Client) -> None:
    for _ in range(200):
        try:
            client.get("/health").raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the process does not start")


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_a_stopping_process_is_not_ready_and_answers_until_it_closes(
    path: str, client: httpx.Client, process: subprocess.Popen[bytes]
) -> None:
    assert client.get(path).status_code == 200
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (503, {"status": "stopping"})
    process.send_signal(signal.SIGTERM)
    assert client.get(path).status_code == 503
    assert process.wait(timeout=5) in (0, -signal.SIGTERM)


def test_an_interrupt_ends_it_at_once(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(timeout=5)
    assert time.monotonic() - started < 0.9


@pytest.mark.usefixtures("process")
def test_no_collection_goes_through_what_was_loaded_at_the_start(client: httpx.Client) -> None:
    assert int(client.get("/frozen").text) > 10_000
