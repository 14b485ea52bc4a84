"""A process that is asked to stop reports it before it closes."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from gateway.tests.envoy import choose_free_port
from shared import stopping

DELAY_SECONDS, MAX_WORK_SECONDS, MAX_STOP_SECONDS = 1, 1, 4
PROGRAM = f"""
import asyncio
import gc
import sys
import time
from shared import stopping
from shared.http.health import health, ready
from shared.http.server import serve
from shared.settings import HttpApiSettings
from shared.http.middleware import RequestContext
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def frozen(_):
    return PlainTextResponse(str(gc.get_freeze_count()))

async def stuck(_):
    await asyncio.sleep(60)

async def blocking(_):
    time.sleep(60)

stopping.MAX_WORK_SECONDS, stopping.MAX_STOP_SECONDS = {MAX_WORK_SECONDS}, {MAX_STOP_SECONDS}
answers = health, ready, frozen, stuck, blocking
routes = [Route("/" + answer.__name__, answer) for answer in answers]
app = Starlette(routes=routes, middleware=[Middleware(RequestContext)])
app.state.checks = dict()
serve(app, HttpApiSettings(port=int(sys.argv[1]), shutdown_delay_seconds={DELAY_SECONDS}, environment="test"))
"""


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{choose_free_port()}") as client:
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
def test_a_stopping_process_is_not_ready_but_serves_until_it_closes(
    path: str, client: httpx.Client, process: subprocess.Popen[bytes]
) -> None:
    assert client.get(path).status_code == 200
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    response = client.get(path)
    assert (response.status_code, response.json()) == (503, {"status": "stopping"})
    process.send_signal(signal.SIGTERM)
    assert client.get(path).status_code == 503
    assert process.wait(timeout=5) in (0, -signal.SIGTERM)


@pytest.mark.timed
@pytest.mark.parametrize(
    ("path", "ended_by", "seconds", "answer"),
    [
        ("/stuck", signal.SIGTERM, DELAY_SECONDS + MAX_WORK_SECONDS, b"HTTP/1.1 503 Service Unavailable"),
        ("/blocking", signal.SIGALRM, MAX_STOP_SECONDS, b""),
    ],
)
def test_an_endless_request_does_not_delay_the_stop(
    path: str,
    ended_by: signal.Signals,
    seconds: float,
    answer: bytes,
    client: httpx.Client,
    process: subprocess.Popen[bytes],
) -> None:
    with socket.create_connection(("127.0.0.1", client.base_url.port or 0)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        time.sleep(0.2)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == -ended_by
        assert connection.recv(4096).partition(b"\r\n")[0] == answer
        ended_at = time.monotonic()
    assert seconds <= ended_at - started < seconds + 5


def test_the_timeouts_of_a_stop_fit_into_its_budget() -> None:
    api = stopping.MAX_DELAY_SECONDS + stopping.MAX_WORK_SECONDS + stopping.MAX_ABORT_SECONDS
    worker = stopping.MAX_WORK_SECONDS
    assert max(api, worker) + stopping.MAX_LAST_PASS_SECONDS < stopping.MAX_STOP_SECONDS <= 15


@pytest.mark.timed
def test_an_interrupt_ends_the_process_immediately(
    client: httpx.Client, process: subprocess.Popen[bytes]
) -> None:
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(timeout=5)
    assert time.monotonic() - started < 0.9


@pytest.mark.usefixtures("process")
def test_garbage_collection_skips_objects_loaded_at_the_start(client: httpx.Client) -> None:
    assert int(client.get("/frozen").text) > 10_000
