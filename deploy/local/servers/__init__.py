"""The servers that the services use, for the embedded run and for tests.

A test run starts its own servers on free ports, in a temporary folder::

    with servers.run_servers(tmp_path) as running:
        running.addresses.postgres_url   # postgresql://postgres:...@127.0.0.1:.../postgres, a superuser
        running.addresses.redis_url      # redis://:...@127.0.0.1:...
        running.addresses.rabbitmq_url   # amqp://parley:...@127.0.0.1:..., an administrator
        running.addresses.add_vhost("w1")  # a separate broker; returns its URL
        running.addresses.s3_endpoint    # http://127.0.0.1:..., with s3_access_key and s3_secret_key
        running.rabbitmq.kill()          # SIGKILL
        running.rabbitmq.start()         # on the same port and data; returns when it responds
        running.postgres.stop()          # a clean stop

`addresses.to_json()` and `Addresses.from_json()` pass the addresses to other processes. With
`TEST_INFRA=containers` in the environment, the servers run in containers. No process or port survives the
block, even if the test run is killed.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from deploy.local import ports as port_plan
from deploy.local.processes import Run
from deploy.local.servers.addresses import Addresses, Credentials
from deploy.local.servers.postgres import create_postgres
from deploy.local.servers.rabbitmq import build_control_command, create_epmd, create_rabbitmq
from deploy.local.servers.redis import create_redis
from deploy.local.servers.running import Running
from deploy.local.servers.s3 import create_s3
from deploy.local.servers.server import Server

__all__ = [
    "Addresses",
    "Credentials",
    "Running",
    "Server",
    "build_addresses",
    "make",
    "run_servers",
    "start",
]


@contextmanager
def run_servers(
    folder: Path, ports: Mapping[str, int] | None = None, *, fast: bool = True
) -> Iterator[Running]:
    """Start all servers on free (or the given) ports, with data under `folder`; stop them at the end.

    Credentials are new each time, so the folder must be new, too. `fast` trades durability for speed.
    """
    if os.environ.get("TEST_INFRA") == "containers":
        from deploy.local.servers.containers import run_containers

        with run_containers() as running:
            yield running
        return
    ports = ports or port_plan.assign_ports(port_plan.choose_free_block())
    credentials = Credentials.generate()
    run = Run(folder)
    try:
        created = make(run, folder / "data", ports=ports, credentials=credentials, fast=fast)
        start(created)
        yield Running(
            addresses=build_addresses(folder / "data", ports=ports, credentials=credentials),
            postgres=created["postgres"],
            redis=created["redis"],
            rabbitmq=created["rabbitmq"],
            s3=created["s3"],
        )
    finally:
        run.close()


def make(
    run: Run, data: Path, *, ports: Mapping[str, int], credentials: Credentials, fast: bool = False
) -> dict[str, Server]:
    """Create all servers by name, without starting them."""
    keys = (credentials.s3_access_key, credentials.s3_secret_key)
    created = (
        create_epmd(run, data / "epmd", port=ports["epmd"]),
        create_postgres(
            run, data / "postgres", port=ports["postgres"], password=credentials.postgres, fast=fast
        ),
        create_redis(run, data / "redis", port=ports["redis"], password=credentials.redis),
        create_rabbitmq(run, data / "rabbitmq", ports=ports, password=credentials.rabbitmq),
        create_s3(run, data / "s3", port=ports["s3"], access_key=keys[0], secret_key=keys[1]),
    )
    return {server.name: server for server in created}


def start(created: Mapping[str, Server]) -> None:
    """Start the port mapper first, because the broker needs it, then the others in parallel."""
    created["epmd"].start()
    with ThreadPoolExecutor() as pool:
        list(pool.map(Server.start, (server for server in created.values() if server.name != "epmd")))


def build_addresses(data: Path, *, ports: Mapping[str, int], credentials: Credentials) -> Addresses:
    """Return the addresses of servers that `make` created with the same arguments."""
    return Addresses.from_local_ports(
        ports=ports,
        credentials=credentials,
        rabbitmqctl=build_control_command(data / "rabbitmq", ports=ports),
    )
