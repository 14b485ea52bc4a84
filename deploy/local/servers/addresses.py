"""Addresses and credentials of the servers."""

import dataclasses
import json
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

RABBITMQ_USER = "parley"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Passwords and keys of the servers' administrators."""

    postgres: str
    redis: str
    rabbitmq: str
    s3_access_key: str
    s3_secret_key: str

    @classmethod
    def generate(cls) -> Self:
        """Create new random credentials."""
        return cls(**{field.name: secrets.token_hex(20) for field in dataclasses.fields(cls)})


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The administrators' URLs and keys, as plain text, so that they can be passed to other processes.

    `postgres_url` has no driver in its scheme (postgresql://); `rabbitmq_url` has no path: vhost "/".
    """

    postgres_url: str
    redis_url: str
    rabbitmq_url: str
    rabbitmqctl: tuple[str, ...]
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str

    def to_json(self) -> str:
        """Serialise the addresses for an environment variable or a file."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_local_ports(
        cls, *, ports: Mapping[str, int], credentials: Credentials, rabbitmqctl: tuple[str, ...]
    ) -> Self:
        """Build the addresses of servers that listen on these ports with these credentials."""
        return cls(
            postgres_url=f"postgresql://postgres:{credentials.postgres}@127.0.0.1:{ports['postgres']}/postgres",
            redis_url=f"redis://:{credentials.redis}@127.0.0.1:{ports['redis']}",
            rabbitmq_url=f"amqp://{RABBITMQ_USER}:{credentials.rabbitmq}@127.0.0.1:{ports['rabbitmq']}",
            rabbitmqctl=rabbitmqctl,
            s3_endpoint=f"http://127.0.0.1:{ports['s3']}",
            s3_access_key=credentials.s3_access_key,
            s3_secret_key=credentials.s3_secret_key,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the addresses from the output of `to_json`."""
        fields = json.loads(text)
        return cls(**{**fields, "rabbitmqctl": tuple(fields["rabbitmqctl"])})

    def add_vhost(self, name: str) -> str:
        """Create a virtual host, which isolates tests on the same broker, and return its AMQP URL."""
        self._control("add_vhost", name)
        self._control("set_permissions", "-p", name, RABBITMQ_USER, ".*", ".*", ".*")
        return f"{self.rabbitmq_url}/{name}"

    def delete_vhost(self, name: str) -> None:
        """Delete a virtual host with all its exchanges, queues and messages."""
        self._control("delete_vhost", name)

    def _control(self, *arguments: str) -> None:
        subprocess.run([*self.rabbitmqctl, *arguments], check=True, capture_output=True)
