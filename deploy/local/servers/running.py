"""What a test run holds in its hands: the servers and their addresses, from wheels or from containers."""

from dataclasses import dataclass
from typing import Protocol

from deploy.local.servers.addresses import Addresses


class Startable(Protocol):
    """A server, be it a process or a container."""

    def start(self) -> None:
        """Start it on the data it had, and wait until it answers."""

    def stop(self) -> None:
        """End it cleanly."""

    def kill(self) -> None:
        """End it as a crash would."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """All servers, and where they are."""

    addresses: Addresses
    postgres: Startable
    redis: Startable
    rabbitmq: Startable
    s3: Startable
