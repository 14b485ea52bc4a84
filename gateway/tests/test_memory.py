"""Clients of one or several addresses cannot fill the memory with responses that they do not read."""

import asyncio
import struct
from contextlib import ExitStack

import pytest

from gateway.tests.envoy import run_gateway
from gateway.tests.stand_in import StandIn
from gateway.tests.test_connections import hold_connections, is_served

CONNECTIONS = 50
STREAMS = 100
SMALL_HEAP = {"max_heap_size_bytes: 536870912": "max_heap_size_bytes: 134217728"}
"""The limit of connections is a tenth of the default, the memory a fourth: Envoy itself takes 50 MB."""


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _unread_requests() -> bytes:
    """Return an HTTP/2 client's requests with a window of 0, so that no response can be sent."""
    settings = _frame(4, 0, 0, struct.pack(">HI", 4, 0))
    # From HPACK's static table: GET, http, /index.html; and the authority x.
    fields = bytes([0x82, 0x86, 0x85, 0x41, 1]) + b"x"
    requests = [_frame(1, 5, 2 * number + 1, fields) for number in range(STREAMS)]
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + b"".join(requests)


async def test_unread_responses_of_one_address_do_not_exhaust_memory(stand_ins: dict[str, StandIn]) -> None:
    variables = {"MAX_CONNECTIONS_PER_ADDRESS": str(CONNECTIONS)}
    async with run_gateway(stand_ins, changes=SMALL_HEAP, **variables) as gateway:
        with hold_connections(gateway, CONNECTIONS, head=_unread_requests()):
            for _ in range(6):
                await asyncio.sleep(0.5)
                assert await is_served(gateway)


@pytest.mark.timed
async def test_unread_responses_of_several_addresses_are_aborted(stand_ins: dict[str, StandIn]) -> None:
    variables = {"MAX_CONNECTIONS_PER_ADDRESS": str(CONNECTIONS)}
    async with run_gateway(stand_ins, changes=SMALL_HEAP, **variables) as gateway:
        with ExitStack() as attack:
            for number in range(8):
                source = f"127.0.0.{20 + number}"
                attack.enter_context(
                    hold_connections(gateway, CONNECTIONS, source=source, head=_unread_requests())
                )
            await asyncio.sleep(4)
            for _ in range(4):
                assert await is_served(gateway)
                await asyncio.sleep(0.5)
