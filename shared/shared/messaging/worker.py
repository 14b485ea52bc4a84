"""The worker process of a service: consumers, jobs, outbox relay, and loops of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from contracts.event import Event
from faststream.rabbit import RabbitBroker
from starlette.applications import Starlette
from starlette.routing import Route

from shared import metrics
from shared.background import STOP_TIMEOUT_SECONDS, Loop, run_loops
from shared.data.db import Database
from shared.http.health import Check, health, ready
from shared.messaging.broker import BrokerUnavailable, declare_queues, open_channel
from shared.messaging.inbox import Handler, Subscriptions, purge_loop, subscribe
from shared.messaging.jobs import Job, Jobs
from shared.messaging.relay import OutboxRelay
from shared.settings import MessagingSettings

log = structlog.get_logger(__name__)

type Consumer = tuple[type[Event] | type[Job], Handler[Any]]
"""What arrives in a queue, and what handles it."""


def build_worker(
    settings: MessagingSettings,
    *,
    service: str,
    subscriptions: Subscriptions,
    jobs: Jobs | None = None,
    loops: Callable[[Database], Sequence[Loop]] = lambda _: (),
    closing: Sequence[Callable[[], Awaitable[None]]] = (),
) -> Starlette:
    """Consume, publish the outbox and run `loops` until stopped. `closing` releases what handlers used."""
    url = settings.rabbitmq_url.get_secret_value()
    consumers: dict[str, Consumer] = {e.queue_for(service): (e, on) for e, on in subscriptions.items()}
    consumers |= {job.queue(): (job, on) for job, on in (jobs or {}).items()}
    job_queues = {job.queue(): job.queue() for job in jobs or {}}

    @asynccontextmanager
    async def lifespan(worker: Starlette) -> AsyncIterator[None]:
        database = Database.from_settings(settings, name=f"{service} worker")
        worker.state.checks = {
            "postgres": Check(database.ping),
            "rabbitmq": Check(lambda: _ensure_consumed(url, consumers)),
        }
        relay, consuming = OutboxRelay(database, url), _Consuming(url, database, consumers, job_queues)
        async with AsyncExitStack() as stack:
            for close in (database.close, *closing, relay.close, consuming.stop):
                stack.push_async_callback(close)
            own = loops(database)
            await stack.enter_async_context(run_loops(consuming.loop, relay.loop, purge_loop(database), *own))
            yield

    routes = [
        Route("/health", health),
        Route("/ready", ready),
        Route("/metrics", metrics.endpoint),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


class _Consuming:
    """The consumers of the process, started as soon as RabbitMQ answers."""

    def __init__(
        self, url: str, database: Database, consumers: dict[str, Consumer], job_queues: dict[str, str]
    ) -> None:
        self._url, self._database = url, database
        self._consumers, self._job_queues = consumers, job_queues
        self._broker: RabbitBroker | None = None

    @property
    def loop(self) -> Loop:
        return Loop(name="consumers", work=self.start, interval_seconds=None, max_retry_seconds=1.0)

    async def start(self) -> None:
        # A broker whose start has failed keeps half of its state: every attempt takes a new one.
        await self.stop()
        async with open_channel(self._url) as channel:
            await declare_queues(channel, self._job_queues)
        # A delivery may wait for a dependency without limit. It is delivered again after the restart.
        self._broker = RabbitBroker(
            self._url,
            reconnect_interval=1.0,
            fail_fast=False,
            logger=None,
            graceful_timeout=STOP_TIMEOUT_SECONDS,
        )
        for queue, (message, handler) in self._consumers.items():
            subscribe(self._broker, self._database, queue, message, handler)
        await self._broker.start()

    async def stop(self) -> None:
        # Forgotten first: a broker that cannot be stopped must not prevent the next start.
        broker, self._broker = self._broker, None
        if broker is not None:
            await broker.stop()


async def _ensure_consumed(url: str, queues: dict[str, Consumer]) -> None:
    """Raise BrokerUnavailable unless every queue has a consumer. An open connection alone proves nothing."""
    async with open_channel(url) as channel:
        for name in queues:
            queue = await channel.declare_queue(name, passive=True)
            if not queue.declaration_result.consumer_count:
                raise BrokerUnavailable(f"Queue {name} has no consumer.")
