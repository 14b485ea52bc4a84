"""The whole system: the order in which its processes start and stop."""

import http.client
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from deploy.local import databases, ports, privileges, servers, welcome
from deploy.local.once import Once
from deploy.local.plan import BUCKET, Plan
from deploy.local.processes import ROOT, Program, Run, RunFailed
from deploy.local.servers.envoy import create_envoy
from deploy.local.servers.server import Server, fetch, fetch_status
from deploy.local.vault import Vault
from deploy.services import DATABASE_OWNERS, SEED, SERVICES, Service

READY_TIMEOUT_SECONDS = 60
"""The time limit for the system to become ready once all its processes respond."""

SEED_TIMEOUT_SECONDS = 15
"""The time limit of the wait for the seed's events. The start then continues: some may be dead letters."""

type Action = Callable[[], None]


def _ignore(_: str) -> None:
    """Report nothing, for tests."""


class Stack:
    """Servers, services and gateway under one folder, on one block of ports.

    The folder's `data` and `secrets` survive a restart. `report` is called with a line for each step.
    """

    def __init__(
        self, run: Run, *, port: int, report: Callable[[str], None] = _ignore, fast: bool = False
    ) -> None:
        self.run, self.ports, self._report = run, ports.assign_ports(port), report
        self._vault = Vault.open(run.folder / "secrets")
        self._data = data = run.folder / "data"
        credentials = self._vault.servers
        addresses = servers.build_addresses(data, ports=self.ports, credentials=credentials)
        self.email_folder = run.folder / "mail"
        self.plan = Plan(
            addresses=addresses,
            ports=self.ports,
            vault=self._vault,
            email_folder=self.email_folder,
            home_folder=data / "homes",
        )
        self._once = Once(run, data / "done", report=report)
        self.servers = servers.make(run, data, ports=self.ports, credentials=credentials, fast=fast)
        self.doubles = self._create_doubles()
        self.apis = {s.name: self._create_server(self.plan.build_api(s)) for s in SERVICES}
        self.workers = {s.name: self._create_worker(s) for s in DATABASE_OWNERS}
        self.gateway = create_envoy(run, data / "gateway", ports=self.ports)

    @property
    def url(self) -> str:
        """The address of the gateway, for clients."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def processes(self) -> list[Server]:
        """All processes that the supervisor keeps running."""
        return [*self.servers.values(), *self.doubles, *self._services]

    @property
    def _services(self) -> list[Server]:
        return [*self.apis.values(), *self.workers.values(), self.gateway]

    def start(self) -> None:
        """Start everything and return once the gateway reports that the system is ready.

        Raises RunFailed with the reason when a process does not start, and RunStopped after `stop`.
        """
        self._vault.make_keys(self.run)
        privileges.take_ownership(self.email_folder)
        for double in self.doubles:
            self._start(double)
        # RabbitMQ takes longest to start, so everything that does not need it starts at the same time.
        _run_in_parallel(self._start_broker, self._start_apis, self.gateway.launch)
        for worker in self.workers.values():
            worker.launch()
        _run_in_parallel(*(partial(self._wait, server) for server in self._services))
        self._wait_until_ready()
        self._wait_for_seed_events()

    def build_welcome(self) -> str:
        """Return the message for the person at the terminal."""
        provider, invents_scores = self.plan.speech_provider, self.plan.needs_speech_double
        return welcome.render(
            self.url, email_folder=self.email_folder, provider=provider, invents_scores=invents_scores
        )

    def stop(self) -> None:
        """Stop everything, clients before their servers. May be called while `start` still runs."""
        self.run.suspend()
        base = [*self.doubles, *(server for server in self.servers.values() if server.name != "epmd")]
        for stage in ([self.gateway], self.apis.values(), self.workers.values(), base):
            _run_in_parallel(*(server.stop for server in stage))
        self.run.close()

    def _create_doubles(self) -> list[Server]:
        if not self.plan.needs_speech_double:
            return []
        port = self.ports["speech-double"]
        # It responds with an error to a request that is not a WebSocket handshake.
        program = self.plan.build_speech_double()
        return [Server(run=self.run, program=program, is_responding=lambda: fetch_status(port, "/") > 0)]

    def _create_server(self, program: Program) -> Server:
        port = self.ports[program.name]
        return Server(
            run=self.run, program=program, is_responding=lambda: fetch_status(port, "/health") == 200
        )

    def _create_worker(self, service: Service) -> Server:
        server = self._create_server(self.plan.build_worker(service))
        needed = [self.servers["postgres"], self.servers["rabbitmq"]]

        def is_working() -> bool:
            # Restarting a worker does not help while its servers do not respond.
            return not all(server.responds for server in needed) or fetch_status(port, "/ready") == 200

        port, server.is_working = self.ports[server.name], is_working
        return server

    def _start_broker(self) -> None:
        self.servers["epmd"].start()
        self._start(self.servers["rabbitmq"])
        inputs = [ROOT / "shared" / "contracts", ROOT / "shared" / "shared" / "messaging" / "broker.py"]
        self._once.call(self.plan.build_topology(), inputs=inputs)

    def _start_apis(self) -> None:
        redis = partial(self._start, self.servers["redis"])
        stateless = [self.apis[service.name].launch for service in SERVICES if not service.has_database]
        _run_in_parallel(redis, self._start_storage, self._start_database, *stateless)
        seeds = [partial(self._seed, service) for service in SERVICES if service.seed]
        _run_in_parallel(*(self.apis[service.name].launch for service in DATABASE_OWNERS), *seeds)

    def _start_database(self) -> None:
        self._start(self.servers["postgres"])
        password = self._vault.servers.postgres
        databases.create(self._vault.roles, port=self.ports["postgres"], password=password)
        _run_in_parallel(*(partial(self._migrate, service) for service in DATABASE_OWNERS))

    def _start_storage(self) -> None:
        self._start(self.servers["s3"])
        privileges.take_ownership(self._data / "s3" / BUCKET)

    def _start(self, server: Server) -> None:
        server.start()
        self._report(f"{server.name} answers")

    def _wait(self, server: Server) -> None:
        server.wait()
        self._report(f"{server.name} answers")

    def _migrate(self, service: Service) -> None:
        folder = ROOT / "services" / service.name / service.name / "migrations"
        self._once.call(self.plan.build_migration(service), inputs=[folder])

    def _seed(self, service: Service) -> None:
        self._once.call(self.plan.build_seed(service), inputs=[SEED])

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while self._fetch_readiness()[0] != 200:
            if dead := [server.name for server in self.processes if not server.alive]:
                raise RunFailed(f"{dead[0]} ended while starting:\n{self.run.read_last_lines(dead[0])}")
            if time.monotonic() > deadline:
                raise RunFailed(
                    f"the system is not ready after {READY_TIMEOUT_SECONDS} s: {self._fetch_readiness()[1]}"
                )
            time.sleep(0.2)

    def _wait_for_seed_events(self) -> None:
        """Wait, after the first start, until the game has received the speeches that learners can draw."""
        password, port = self._vault.servers.postgres, self.ports["postgres"]
        deadline = time.monotonic() + SEED_TIMEOUT_SECONDS
        while time.monotonic() < deadline and not databases.has_received_all_speeches(port, password):
            time.sleep(0.2)

    def _fetch_readiness(self) -> tuple[int, str]:
        try:
            return fetch(self.ports["gateway"], "/ready")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)


@contextmanager
def run_stack(folder: Path) -> Iterator[Stack]:
    """Run the whole system on free ports for a test, with its data under `folder`, and stop it at the end."""
    stack = Stack(Run(folder), port=ports.choose_free_block(), fast=True)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def _run_in_parallel(*actions: Action) -> None:
    """Run actions in parallel and raise the first failure without waiting for the others."""
    pool = ThreadPoolExecutor(max_workers=max(len(actions), 1))
    try:
        for future in as_completed([pool.submit(action) for action in actions]):
            future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
