"""Two replicas of a service: one of them stops, or dies, and no request fails."""

import asyncio
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.tests.envoy import Gateway, choose_free_port, run_gateway
from gateway.tests.stand_in import StandIn

pytestmark = pytest.mark.long

ENDPOINT = "endpoint: {{ address: {{ socket_address: {{ address: '127.0.0.1', port_value: {} }} }} }}"
CLIENTS = 12


class Replica:
    """A process of a service, on the same port each time."""

    def __init__(self) -> None:
        self.port = choose_free_port()
        self._process: Process | None = None

    async def start(self) -> None:
        command = (sys.executable, "-m", "gateway.tests.replica", str(self.port))
        self._process = await asyncio.create_subprocess_exec(*command)
        async with httpx.AsyncClient() as client:
            for _ in range(200):
                try:
                    await client.get(f"http://127.0.0.1:{self.port}/health")
                    return
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        raise AssertionError("the replica does not start")

    async def stop(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        await self._process.wait()
        self._process = None

    async def remove(self) -> None:
        if self._process is not None:
            await self.stop(signal.SIGKILL)


@pytest.fixture
async def replicas() -> AsyncIterator[list[Replica]]:
    started = [Replica(), Replica()]
    try:
        await asyncio.gather(*(replica.start() for replica in started))
        yield started
    finally:
        await asyncio.gather(*(replica.remove() for replica in started))


@pytest.fixture
async def balanced(stand_ins: dict[str, StandIn], replicas: list[Replica]) -> AsyncIterator[Gateway]:
    """A gateway in front of both."""
    first, second = (ENDPOINT.format(replica.port) for replica in replicas)
    changes = {f"{{ {first} }}": f"{{ {first} }}, {{ {second} }}"}
    game_port = str(replicas[0].port)
    flood = "1000000000"
    async with run_gateway(
        stand_ins, changes=changes, GAME_PORT=game_port, FLOOD_REQUESTS_PER_MINUTE=flood
    ) as gateway:
        yield gateway


@asynccontextmanager
async def load(gateway: Gateway, bearer: dict[str, str]) -> AsyncIterator[Counter[tuple[str, int]]]:
    """Send requests without pause and count the responses by method and status."""
    responses: Counter[tuple[str, int]] = Counter()
    finished = asyncio.Event()

    async def send(method: str) -> None:
        async with httpx.AsyncClient(base_url=gateway.url, headers=bearer, timeout=20) as client:
            while not finished.is_set():
                response = await client.request(method, "/api/v1/game/sessions")
                responses[method, response.status_code] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(send("GET" if number % 4 == 0 else "POST"))
        yield responses
        finished.set()


async def test_replicas_that_are_stopped_in_turn_fail_no_request(
    balanced: Gateway, replicas: list[Replica], bearer: dict[str, str]
) -> None:
    async with load(balanced, bearer) as responses:
        for replica in replicas * 3:
            await replica.stop(signal.SIGTERM)
            await replica.start()
            await asyncio.sleep(1)
    assert responses.keys() == {("GET", 200), ("POST", 200)}, responses
    assert responses.total() > 500


async def _wait_until_both_are_healthy(gateway: Gateway) -> None:
    """A replica gets no requests before the gateway's first probe of it."""
    healthy = 'envoy_cluster_membership_healthy{envoy_cluster_name="game"} 2'
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.metrics_port}") as client:
        for _ in range(200):
            if healthy in (await client.get("/stats/prometheus")).text:
                return
            await asyncio.sleep(0.1)
    raise AssertionError("the replicas are not healthy")


async def test_a_request_of_any_method_is_retried_at_the_other_replica_after_a_refused_connection(
    balanced: Gateway, replicas: list[Replica], bearer: dict[str, str]
) -> None:
    await _wait_until_both_are_healthy(balanced)
    await replicas[0].stop(signal.SIGKILL)
    async with httpx.AsyncClient(base_url=balanced.url, headers=bearer) as client:
        statuses = {
            (await client.request(method, "/api/v1/game/sessions")).status_code
            for method in ["POST", "GET"] * 30
        }
    assert statuses == {200}
