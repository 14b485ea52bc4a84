"""Which port is whose. A run takes one block of thirty ports, all derived from its first: `PORT`."""

import random
import socket
from collections.abc import Iterable, Mapping

OFFSETS = {
    "gateway": 0,
    "auth-api": 1,
    "content-api": 2,
    "game-api": 3,
    "scoring-api": 4,
    "auth-worker": 11,
    "content-worker": 12,
    "game-worker": 13,
    "postgres": 20,
    "redis": 21,
    "rabbitmq": 22,
    "rabbitmq-distribution": 23,
    "epmd": 24,
    "s3": 25,
    "envoy-admin": 26,
    "recordings": 27,
}
BLOCK = 30
# Below the range that Linux and macOS lend to outgoing connections, which would race for the same ports.
FREE_BLOCKS = range(20_000, 32_000, BLOCK)


def block(first: int) -> dict[str, int]:
    """The port of every process, by the process's name."""
    return {name: first + offset for name, offset in OFFSETS.items()}


def taken(ports: Mapping[str, int]) -> dict[str, int]:
    """Those of the ports that something on this machine already listens on."""
    return {name: port for name, port in ports.items() if not _free(port)}


def free_block(candidates: Iterable[int] | None = None) -> int:
    """The first port of a block that is free all through, in random order so that parallel runs part."""
    blocks = list(candidates or random.sample(FREE_BLOCKS, len(FREE_BLOCKS)))
    for first in blocks:
        if not taken(block(first)):
            return first
    raise OSError(f"no {BLOCK} free ports in a row between {blocks[0]} and {blocks[-1] + BLOCK}")


def _free(port: int) -> bool:
    with socket.socket() as client:
        # macOS lets 127.0.0.1 be bound beside somebody's 0.0.0.0, so a successful bind proves too little.
        if client.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as server:
        # Connections of the last run may still be in TIME_WAIT; that does not keep a port from use.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
