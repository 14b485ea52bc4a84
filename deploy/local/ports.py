"""The port of every process. A run uses a block of thirty ports, of which `PORT` is the first."""

import random
import socket
from collections.abc import Iterable, Mapping

from deploy.services import DATABASE_OWNERS, SERVICES

PORT_OFFSETS = {
    "gateway": 0,
    **{f"{service.name}-api": service.number for service in SERVICES},
    **{f"{service.name}-worker": 10 + service.number for service in DATABASE_OWNERS},
    "postgres": 20,
    "redis": 21,
    "rabbitmq": 22,
    "rabbitmq-distribution": 23,
    "epmd": 24,
    "s3": 25,
    "gateway-metrics": 26,
    "recordings": 27,
    "speech-double": 28,
}
BLOCK_SIZE = 30
# Below the range that Linux and macOS use for outgoing connections, which could take a port of a block first.
FREE_BLOCKS = range(20_000, 32_000, BLOCK_SIZE)


def assign_ports(first: int) -> dict[str, int]:
    """Return the port of every process, by the process's name."""
    return {name: first + offset for name, offset in PORT_OFFSETS.items()}


def find_taken(ports: Mapping[str, int]) -> dict[str, int]:
    """Return those of the ports that are already in use on this machine."""
    return {name: port for name, port in ports.items() if not _is_free(port)}


def choose_free_block(candidates: Iterable[int] | None = None) -> int:
    """Return the first port of a free block, tried in random order so that parallel runs do not collide."""
    blocks = list(candidates or random.sample(FREE_BLOCKS, len(FREE_BLOCKS)))
    for first in blocks:
        if not find_taken(assign_ports(first)):
            return first
    raise OSError(f"no {BLOCK_SIZE} consecutive free ports between {blocks[0]} and {blocks[-1] + BLOCK_SIZE}")


def _is_free(port: int) -> bool:
    with socket.socket() as client:
        # On macOS, binding 127.0.0.1 succeeds even if another process uses 0.0.0.0, so it is not enough.
        if client.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as server:
        # Connections of the last run may still be in TIME_WAIT; the port can be used nevertheless.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
