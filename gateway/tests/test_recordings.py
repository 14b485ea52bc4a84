"""The listener for recordings, which shares connections and memory with the API's listener."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
import yaml

from gateway.render import render_recordings
from gateway.tests.envoy import Gateway, choose_free_port, run_gateway
from gateway.tests.stand_in import StandIn
from gateway.tests.test_connections import BOUND, LEARNER, hold_connections

pytestmark = pytest.mark.timed

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


@asynccontextmanager
async def _run_recordings(
    stand_ins: dict[str, StandIn], storage: StandIn, **variables: str
) -> AsyncIterator[Gateway]:
    port = choose_free_port()
    defaults = {"RECORDINGS_PORT": str(port), "S3_HOST": "127.0.0.1", "S3_PORT": str(storage.port)}
    async with run_gateway(stand_ins, changes=None, **defaults, **variables) as gateway:
        yield replace(gateway, port=port)


async def _fetch(gateway: Gateway) -> int:
    transport = httpx.AsyncHTTPTransport(local_address=LEARNER)
    async with httpx.AsyncClient(transport=transport, timeout=2) as client:
        return (await client.get(f"{gateway.url}/parley-audio/1.mp3?size=1000")).status_code


async def test_the_connections_of_an_address_are_limited(
    stand_ins: dict[str, StandIn], storage: StandIn
) -> None:
    async with _run_recordings(stand_ins, storage, MAX_CONNECTIONS_PER_ADDRESS=str(BOUND)) as gateway:
        with hold_connections(gateway, 3 * BOUND) as connections:
            assert 0 < await connections.count_after_settling() <= BOUND
            assert await _fetch(gateway) == 200


async def test_a_connection_carries_one_unread_response(
    stand_ins: dict[str, StandIn], storage: StandIn
) -> None:
    async with _run_recordings(stand_ins, storage) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(PREFACE)
        async with asyncio.timeout(5):
            response = await reader.read()
        writer.close()
    assert response.startswith(b"HTTP/1.1 400 ")


def test_paused_downloads_of_one_address_leave_storage_connections_free() -> None:
    variables = {"RECORDINGS_PORT": "1", "MAX_CONNECTIONS": "9000"}
    cluster = yaml.safe_load(render_recordings(variables))["static_resources"]["clusters"][0]
    limits = cluster["circuit_breakers"]["thresholds"][0]
    assert limits["max_connections"] == limits["max_requests"] == 9000
