"""The servers that the services stand on, for the embedded run and for tests.

A test run starts its own, on free ports, in a folder it throws away::

    with servers.started(tmp_path) as running:
        running.addresses.postgres_url   # postgresql://postgres:...@127.0.0.1:.../postgres, a superuser
        running.addresses.redis_url      # redis://:...@127.0.0.1:...
        running.addresses.rabbitmq_url   # amqp://parley:...@127.0.0.1:..., an administrator
        running.addresses.add_vhost("w1")  # a broker of one's own; returns its URL
        running.addresses.s3_endpoint    # http://127.0.0.1:..., with s3_access_key and s3_secret_key
        running.rabbitmq.kill()          # SIGKILL
        running.rabbitmq.start()         # back on the same port and data, once it answers
        running.postgres.stop()          # a clean end

`addresses.to_json()` and `Addresses.from_json()` carry the addresses to other processes. With
`TEST_INFRA=containers` in the environment the same comes from containers. Nothing survives the block: not
its processes and ports, even if the test run is killed.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from deploy.local import ports as port_plan
from deploy.local.processes import Run
from deploy.local.servers.addresses import Addresses, Credentials
from deploy.local.servers.postgres import postgres
from deploy.local.servers.rabbitmq import control, epmd, rabbitmq
from deploy.local.servers.redis import redis
from deploy.local.servers.running import Running
from deploy.local.servers.s3 import s3
from deploy.local.servers.server import Server

__all__ = [
    "Addresses",
    "Credentials",
    "Running",
    "Server",
    "addresses",
    "make",
    "start",
    "started",
]


@contextmanager
def started(folder: Path, ports: Mapping[str, int] | None = None, *, fast: bool = True) -> Iterator[Running]:
    """Start all servers on free ports (or the given ones), their data under `folder`; stop them at the end.

    Credentials are new each time, so the folder must be too. `fast` gives up what survives a power cut.
    """
    if os.environ.get("TEST_INFRA") == "containers":
        from deploy.local.servers.containers import started as started_in_containers

        with started_in_containers() as running:
            yield running
        return
    ports = ports or port_plan.block(port_plan.free_block())
    credentials = Credentials.generate()
    run = Run(folder)
    try:
        made = make(run, folder / "data", ports=ports, credentials=credentials, fast=fast)
        start(made)
        yield Running(
            addresses=addresses(folder / "data", ports=ports, credentials=credentials),
            postgres=made["postgres"],
            redis=made["redis"],
            rabbitmq=made["rabbitmq"],
            s3=made["s3"],
        )
    finally:
        run.close()


def make(
    run: Run, data: Path, *, ports: Mapping[str, int], credentials: Credentials, fast: bool = False
) -> dict[str, Server]:
    """All servers by name, none of them started."""
    keys = (credentials.s3_access_key, credentials.s3_secret_key)
    made = (
        epmd(run, data / "epmd", port=ports["epmd"]),
        postgres(run, data / "postgres", port=ports["postgres"], password=credentials.postgres, fast=fast),
        redis(run, data / "redis", port=ports["redis"], password=credentials.redis),
        rabbitmq(run, data / "rabbitmq", ports=ports, password=credentials.rabbitmq),
        s3(run, data / "s3", port=ports["s3"], access_key=keys[0], secret_key=keys[1]),
    )
    return {server.name: server for server in made}


def start(made: Mapping[str, Server]) -> None:
    """Start servers side by side, the port mapper before the broker that asks for it."""
    made["epmd"].start()
    with ThreadPoolExecutor() as pool:
        list(pool.map(Server.start, (server for server in made.values() if server.name != "epmd")))


def addresses(data: Path, *, ports: Mapping[str, int], credentials: Credentials) -> Addresses:
    """The entrances of servers that `make` made with the same arguments."""
    return Addresses.on_this_machine(
        ports=ports, credentials=credentials, rabbitmqctl=control(data / "rabbitmq", ports=ports)
    )
