"""A second replica of every API and worker of a running system, and a gateway in front of both."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from deploy.local.ports import assign_ports, choose_free_block
from deploy.local.servers.envoy import create_envoy
from deploy.local.servers.server import Server, fetch, fetch_status
from deploy.local.stack import Stack
from deploy.services import DATABASE_OWNERS, SERVICES

ENDPOINT = "endpoint: {{ address: {{ socket_address: {{ address: '127.0.0.1', port_value: {} }} }} }}"
TIMEOUT_SECONDS = 30.0
AS_IN_PRODUCTION = {"SHUTDOWN_DELAY_SECONDS": "2"}
"""In the embedded run, a replica need not wait until others serve its clients: there are none."""


@dataclass(frozen=True)
class Replicas:
    """Pairs of servers by the name of their program, and the gateway that balances the APIs."""

    pairs: dict[str, tuple[Server, Server]]
    gateway_port: int
    metrics_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    async def restart(self, name: str, replica: int) -> float:
        """Stop a replica and start it again. Return the seconds that the stop took, once both are in use."""
        server, started = self.pairs[name][replica], time.monotonic()
        await asyncio.to_thread(server.stop)
        seconds = time.monotonic() - started
        await asyncio.to_thread(server.start)
        await self.wait_until_used(name)
        return seconds

    async def wait_until_used(self, name: str) -> None:
        """Wait until both are ready, and the gateway sends requests to both where they are APIs."""
        ports = [int(server.program.environment["PORT"]) for server in self.pairs[name]]
        await _wait_until(
            lambda: {fetch_status(port, "/ready") for port in ports} == {200}, f"{name} is not ready"
        )
        if name.endswith("-api"):
            cluster = name.removesuffix("-api")
            healthy = f'envoy_cluster_membership_healthy{{envoy_cluster_name="{cluster}"}} 2'
            await _wait_until(lambda: healthy in self._read_metrics(), f"the gateway uses one {name}")

    def _read_metrics(self) -> str:
        return fetch(self.metrics_port, "/stats/prometheus")[1]


@contextmanager
def run_replicas(system: Stack) -> Iterator[Replicas]:
    """Start the second replicas and their gateway, and stop them at the end of the block."""
    ports = assign_ports(choose_free_block())
    apis = {f"{service.name}-api": system.apis[service.name] for service in SERVICES}
    workers = {f"{service.name}-worker": system.workers[service.name] for service in DATABASE_OWNERS}
    jwks = {"JWKS_URL": f"http://127.0.0.1:{ports['gateway']}/.well-known/jwks.json"}
    firsts = list((apis | workers).values())
    programs = [first.program for first in firsts]
    for first in firsts:
        environment = {**first.program.environment, **AS_IN_PRODUCTION, **jwks}
        first.program = replace(first.program, environment=environment)
    pairs = {
        name: (first, _create_second(system, first, ports[name])) for name, first in (apis | workers).items()
    }
    gateway = _create_gateway(system, ports, apis)
    started = [second for _, second in pairs.values()] + [gateway]
    try:
        _run_together(Server.stop, firsts)
        for server in (*started, *firsts):
            server.launch()
        for server in (*started, *firsts):
            server.wait()
        yield Replicas(pairs, ports["gateway"], ports["gateway-metrics"])
    finally:
        _run_together(Server.stop, started)
        for first, program in zip(firsts, programs, strict=True):
            first.program = program


def _run_together(action: Callable[[Server], None], servers: Iterable[Server]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(action, servers))


def _create_second(system: Stack, first: Server, port: int) -> Server:
    environment = {**first.program.environment, "PORT": str(port)}
    program = replace(first.program, name=f"{first.name}-2", environment=environment)
    return Server(run=system.run, program=program, is_responding=lambda: fetch_status(port, "/health") == 200)


def _create_gateway(system: Stack, ports: dict[str, int], apis: Iterable[str]) -> Server:
    """Return an Envoy like the system's, on other ports, with two endpoints for each API."""
    own_ports = {name: ports[name] for name in ("gateway", "gateway-metrics", "recordings")}
    data = system.run.folder / "data" / "gateway-2"
    server = create_envoy(system.run, data, ports={**system.ports, **own_ports})
    server.program, prepare = replace(server.program, name="gateway-2"), server.prepare

    def prepare_both() -> None:
        prepare()
        file = data / "envoy.yaml"
        text = file.read_text()
        for name in apis:
            first, second = ENDPOINT.format(system.ports[name]), ENDPOINT.format(ports[name])
            assert text.count(first) == 1
            text = text.replace(f"{{ {first} }}", f"{{ {first} }}, {{ {second} }}")
        file.write_text(text)

    server.prepare = prepare_both
    return server


async def _wait_until(holds: Callable[[], bool], problem: str) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not await asyncio.to_thread(_has_answer, holds):
        assert time.monotonic() < deadline, problem
        await asyncio.sleep(0.1)


def _has_answer(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except OSError:
        return False
