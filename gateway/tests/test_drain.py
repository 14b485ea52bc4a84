"""A gateway that is shutting down finishes its requests and closes each connection after the response."""

import asyncio
import time

import httpx
import pytest

from gateway.drain import drain
from gateway.tests.envoy import run_gateway
from gateway.tests.stand_in import StandIn

TAGS = "/api/v1/tags"


@pytest.mark.timed
async def test_a_draining_gateway_responds_and_waits_for_requests_in_progress(
    stand_ins: dict[str, StandIn],
) -> None:
    async with run_gateway(stand_ins) as gateway, httpx.AsyncClient(base_url=gateway.url) as client:
        before = await client.get(TAGS)
        slow = asyncio.create_task(client.get(f"{TAGS}?delay=3"))
        await asyncio.sleep(0.5)
        started = time.monotonic()
        draining = asyncio.create_task(
            asyncio.to_thread(drain, gateway.admin_socket, seconds=0.5, max_seconds=20)
        )
        await asyncio.sleep(0.2)
        meanwhile = await client.get(TAGS)
        await draining
        assert slow.done()
        assert 1 < time.monotonic() - started < 10
    assert [before.status_code, meanwhile.status_code, slow.result().status_code] == [200] * 3
    closes = [
        response.headers.get("connection") == "close" for response in (before, meanwhile, slow.result())
    ]
    assert closes == [False, True, True]


async def test_draining_ends_requests_that_exceed_the_limit(stand_ins: dict[str, StandIn]) -> None:
    async with run_gateway(stand_ins) as gateway, httpx.AsyncClient(base_url=gateway.url) as client:
        slow = asyncio.create_task(client.get(f"{TAGS}?delay=8"))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(drain, gateway.admin_socket, seconds=0.1, max_seconds=1)
        assert not slow.done()
        slow.cancel()
