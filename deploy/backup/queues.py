"""The messages in RabbitMQ, including those that a consumer has received and not acknowledged."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol
from urllib.parse import unquote, urlsplit

import urllib3

from deploy.backup.errors import BackupFailed
from deploy.services import DATABASE_OWNERS

DEAD_LETTERS = ".parked"
TIMEOUT_SECONDS = 10.0
OWNERS = frozenset(service.name for service in DATABASE_OWNERS)


class Queues(Protocol):
    """Counts the messages of all queues of a virtual host."""

    settle_seconds: ClassVar[float]
    """The maximum age of the counts."""

    def count(self) -> dict[str, int]:
        """Return the messages by queue. Raises BackupFailed."""


@dataclass(frozen=True)
class RabbitmqCtl:
    """`rabbitmqctl`, which reads the counts from the queues themselves."""

    command: tuple[str, ...]

    settle_seconds: ClassVar[float] = 0.0

    def count(self) -> dict[str, int]:
        command = [*self.command, "list_queues", "--no-table-headers", "name", "messages"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise BackupFailed("RabbitMQ does not answer rabbitmqctl: is it running?")
        columns = (line.rpartition("\t") for line in result.stdout.splitlines())
        return {name: int(messages) for name, _, messages in columns}


@dataclass(frozen=True)
class ManagementApi:
    """The HTTP API of the management plugin. `url` ends with the virtual host: `http://user:pw@host:15672/%2F`."""

    url: str

    # Queues report every five seconds, and a list is cached for five times as long as it took.
    settle_seconds: ClassVar[float] = 10.0

    def count(self) -> dict[str, int]:
        parts = urlsplit(self.url)
        address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        path = f"/api/queues{parts.path if parts.path not in ('', '/') else '/%2F'}?columns=name,messages"
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        headers = urllib3.make_headers(basic_auth=login)
        try:
            response = urllib3.request(
                "GET", address + path, headers=headers, timeout=TIMEOUT_SECONDS, retries=1
            )
        except urllib3.exceptions.HTTPError as error:
            raise BackupFailed(f"RabbitMQ's management API does not answer at {address}.") from error
        if response.status != 200:
            raise BackupFailed(f"RabbitMQ's management API answered {response.status} to {path}.")
        # A queue without a count may contain messages.
        return {queue["name"]: queue.get("messages", 1) for queue in json.loads(response.data)}


def list_waiting(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the services' queues with messages."""
    return {
        name: messages
        for name, messages in counts.items()
        if messages and _is_service_queue(name) and not name.endswith(DEAD_LETTERS)
    }


def list_dead_letters(counts: Mapping[str, int]) -> dict[str, int]:
    return {
        name: messages
        for name, messages in counts.items()
        if messages and _is_service_queue(name) and name.endswith(DEAD_LETTERS)
    }


def describe(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({messages})" for name, messages in sorted(counts.items()))


def _is_service_queue(name: str) -> bool:
    return name.partition(".")[0] in OWNERS
