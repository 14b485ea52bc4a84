"""Where the servers are and how to enter them."""

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
    """The passwords and keys of the servers' administrators."""

    postgres: str
    redis: str
    rabbitmq: str
    s3_access_key: str
    s3_secret_key: str

    @classmethod
    def generate(cls) -> Self:
        """New random ones."""
        return cls(**{field.name: secrets.token_hex(20) for field in dataclasses.fields(cls)})


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The administrators' entrances. Plain text all through, so that it can be handed to other processes.

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
        """For an environment variable or a file."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def on_this_machine(
        cls, *, ports: Mapping[str, int], credentials: Credentials, rabbitmqctl: tuple[str, ...]
    ) -> Self:
        """The entrances of servers that listen on these ports with these credentials."""
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
        """What `to_json` made."""
        fields = json.loads(text)
        return cls(**{**fields, "rabbitmqctl": tuple(fields["rabbitmqctl"])})

    def add_vhost(self, name: str) -> str:
        """Make a virtual host, so that tests share the broker without meeting each other; its AMQP URL."""
        self._control("add_vhost", name)
        self._control("set_permissions", "-p", name, RABBITMQ_USER, ".*", ".*", ".*")
        return f"{self.rabbitmq_url}/{name}"

    def delete_vhost(self, name: str) -> None:
        """Remove a virtual host with all its exchanges, queues and messages."""
        self._control("delete_vhost", name)

    def _control(self, *words: str) -> None:
        subprocess.run([*self.rabbitmqctl, *words], check=True, capture_output=True)
