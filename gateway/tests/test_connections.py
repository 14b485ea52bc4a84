"""One address cannot take all connections: each has a limit, and under pressure idle ones are closed."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest

from gateway.tests.envoy import Gateway, run_gateway
from gateway.tests.stand_in import StandIn

pytestmark = pytest.mark.timed

ATTACKER, LEARNER = "127.0.0.5", "127.0.0.9"
BOUND = 20
DUAL_STACK = {"address: '127.0.0.1', port_value": "ipv4_compat: true, address: '::', port_value"}


class OpenConnections:
    """Open connections; the gateway may have closed some of them."""

    def __init__(self) -> None:
        self.connections: list[socket.socket] = []

    async def count_after_settling(self) -> int:
        """Return the number still open after the gateway has had time to close some."""
        await asyncio.sleep(0.5)
        return sum(map(_is_open, self.connections))


@contextmanager
def hold_connections(
    gateway: Gateway, count: int, *, source: str = ATTACKER, head: bytes = b""
) -> Iterator[OpenConnections]:
    """Open `count` connections, send `head` on each, and close them after the block."""
    connections = OpenConnections()
    try:
        for _ in range(count):
            family = socket.AF_INET6 if ":" in source else socket.AF_INET
            connection = socket.socket(family)
            connections.connections.append(connection)
            connection.bind((source, 0))
            connection.connect(("::1" if ":" in source else "127.0.0.1", gateway.port))
            connection.setblocking(False)
            connection.sendall(head)
        yield connections
    finally:
        for connection in connections.connections:
            connection.close()


def _is_open(connection: socket.socket) -> bool:
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    return False


async def is_served(gateway: Gateway, source: str = LEARNER) -> bool:
    transport = httpx.AsyncHTTPTransport(local_address=source)
    try:
        async with httpx.AsyncClient(transport=transport, timeout=2) as client:
            return (await client.get(f"{gateway.url}/health")).status_code == 200
    except httpx.TransportError:
        return False


@asynccontextmanager
async def _run_bounded(
    stand_ins: dict[str, StandIn], *, changes: dict[str, str] | None = None, **variables: str
) -> AsyncIterator[Gateway]:
    async with run_gateway(
        stand_ins, changes=changes, MAX_CONNECTIONS_PER_ADDRESS=str(BOUND), **variables
    ) as gateway:
        # By now, the connection that waited for the start has closed.
        await asyncio.sleep(0.3)
        yield gateway


@pytest.mark.parametrize("head", [b"", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["silent", "served"])
async def test_an_address_can_open_a_limited_number_of_connections(
    head: bytes, stand_ins: dict[str, StandIn]
) -> None:
    async with _run_bounded(stand_ins) as gateway:
        with hold_connections(gateway, 3 * BOUND, head=head) as connections:
            assert 0 < await connections.count_after_settling() <= BOUND
            assert not await is_served(gateway, ATTACKER)
            assert await is_served(gateway)


async def test_an_address_is_accepted_again_when_its_connections_have_ended(
    stand_ins: dict[str, StandIn],
) -> None:
    async with _run_bounded(stand_ins) as gateway:
        with hold_connections(gateway, 3 * BOUND) as connections:
            await connections.count_after_settling()
        await asyncio.sleep(1.1)
        assert await is_served(gateway, ATTACKER)


async def test_consecutive_connections_are_not_limited(stand_ins: dict[str, StandIn]) -> None:
    async with _run_bounded(stand_ins) as gateway:
        for _ in range(3 * BOUND):
            assert await is_served(gateway)
            # Ended connections are noticed once a second.
            await asyncio.sleep(1.5 / BOUND)


async def test_connections_over_ipv6_are_limited_too(stand_ins: dict[str, StandIn]) -> None:
    async with _run_bounded(stand_ins, changes=DUAL_STACK) as gateway:
        with hold_connections(gateway, 3 * BOUND, source="::1") as connections:
            assert 0 < await connections.count_after_settling() <= BOUND
        with hold_connections(gateway, 3 * BOUND) as connections:
            assert 0 < await connections.count_after_settling() <= BOUND
            assert await is_served(gateway)


async def test_connections_from_a_load_balancer_are_not_limited(stand_ins: dict[str, StandIn]) -> None:
    async with _run_bounded(stand_ins, TRUSTED_HOPS="1") as gateway:
        with hold_connections(gateway, 3 * BOUND) as connections:
            assert await connections.count_after_settling() == 3 * BOUND


async def test_idle_connections_are_closed_under_pressure(stand_ins: dict[str, StandIn]) -> None:
    """Many addresses together take all connections; the others get in when idle ones are closed."""
    async with _run_bounded(stand_ins, MAX_CONNECTIONS=str(2 * BOUND)) as gateway:
        with (
            hold_connections(gateway, BOUND) as first_group,
            hold_connections(gateway, BOUND, source="127.0.0.6") as second_group,
        ):
            assert (
                await first_group.count_after_settling() + await second_group.count_after_settling()
                == 2 * BOUND
            )
            served = [await is_served(gateway)]
            while not served[-1] and len(served) < 20:
                await asyncio.sleep(0.5)
                served.append(await is_served(gateway))
        assert not served[0]
        assert served[-1]
