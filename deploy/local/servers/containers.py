"""The same servers in containers, for machines with Docker: `TEST_INFRA=containers`."""

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from testcontainers.core.container import DockerContainer

from deploy.local import ports as port_plan
from deploy.local.servers.addresses import RABBITMQ_USER, Addresses, Credentials
from deploy.local.servers.postgres import SSL_REQUEST
from deploy.local.servers.rabbitmq import PROTOCOL_HEADER
from deploy.local.servers.running import Running
from deploy.local.servers.server import fetch_status, send_probe

START_TIMEOUT_SECONDS = 120


@dataclass
class Container:
    """A container on a port of this machine, which it keeps across restarts."""

    container: DockerContainer
    is_responding: Callable[[], bool]
    handle: Any = field(default=None, init=False)

    @property
    def docker_container(self) -> Any:
        """Docker's handle of the container, which is created on first use."""
        if self.handle is None:
            self.handle = self.container.start().get_wrapped_container()
        return self.handle

    def start(self) -> None:
        """Start it with its existing data and wait until it responds."""
        self.docker_container.start()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._has_answered():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the container of {self.container.image} does not answer")
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop it cleanly."""
        self.docker_container.stop()

    def kill(self) -> None:
        """Kill it, as a crash would."""
        self.docker_container.kill()

    def _has_answered(self) -> bool:
        try:
            return self.is_responding()
        except (OSError, http.client.HTTPException):
            return False


@contextmanager
def run_containers() -> Iterator[Running]:
    """Start a container for each server, on free ports of this machine."""
    ports, credentials = port_plan.assign_ports(port_plan.choose_free_block()), Credentials.generate()
    containers = {
        "postgres": _create_postgres(ports["postgres"], password=credentials.postgres),
        "redis": _create_redis(ports["redis"], password=credentials.redis),
        "rabbitmq": _create_rabbitmq(ports["rabbitmq"], password=credentials.rabbitmq),
        "s3": _create_s3(
            ports["s3"], access_key=credentials.s3_access_key, secret_key=credentials.s3_secret_key
        ),
    }
    with ExitStack() as stack:
        for server in containers.values():
            stack.callback(server.container.stop)
            server.start()
        control = (
            "docker",
            "exec",
            str(containers["rabbitmq"].docker_container.id),
            "rabbitmqctl",
            "--quiet",
        )
        addresses = Addresses.from_local_ports(ports=ports, credentials=credentials, rabbitmqctl=control)
        yield Running(addresses=addresses, **containers)


def _create_postgres(port: int, *, password: str) -> Container:
    container = DockerContainer("postgres:18").with_env("POSTGRES_PASSWORD", password)
    # While the image prepares its data, the server listens only on a socket, not on this port.
    return Container(container.with_bind_ports(5432, port), lambda: send_probe(port, SSL_REQUEST) == b"N")


def _create_redis(port: int, *, password: str) -> Container:
    container = DockerContainer("redis:8").with_command(
        f"redis-server --requirepass {password} --appendonly yes"
    )
    return Container(
        container.with_bind_ports(6379, port), lambda: send_probe(port, b"PING\r\n").startswith(b"-NOAUTH")
    )


def _create_rabbitmq(port: int, *, password: str) -> Container:
    container = DockerContainer("rabbitmq:4-management").with_bind_ports(5672, port)
    container = container.with_env("RABBITMQ_DEFAULT_USER", RABBITMQ_USER)
    container = container.with_env("RABBITMQ_DEFAULT_PASS", password)
    return Container(container, lambda: send_probe(port, PROTOCOL_HEADER).startswith(b"\x01\x00\x00"))


def _create_s3(port: int, *, access_key: str, secret_key: str) -> Container:
    container = DockerContainer("quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z").with_command(
        "server /data"
    )
    container = container.with_env("MINIO_ROOT_USER", access_key).with_env("MINIO_ROOT_PASSWORD", secret_key)
    # MinIO returns 503 until it can store; other S3 servers reject a request without a signature.
    return Container(
        container.with_bind_ports(9000, port), lambda: fetch_status(port, "/minio/health/ready") < 500
    )
