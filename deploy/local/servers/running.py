"""Running servers and their addresses, from wheels or from containers, as a test run uses them."""

from dataclasses import dataclass
from typing import Protocol

from deploy.local.servers.addresses import Addresses


class ControllableServer(Protocol):
    """A server in a process or a container."""

    def start(self) -> None:
        """Start it on its existing data and wait until it responds."""

    def stop(self) -> None:
        """Stop it cleanly."""

    def kill(self) -> None:
        """Kill it, as a crash would."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """All servers and their addresses."""

    addresses: Addresses
    postgres: ControllableServer
    redis: ControllableServer
    rabbitmq: ControllableServer
    s3: ControllableServer
