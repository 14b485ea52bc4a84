"""The worker process of a service: consumers, jobs, outbox relay and background loops."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from contracts.event import Event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared import metrics
from shared.background import Loop, run_loops
from shared.data.db import Database
from shared.http.health import Check, health, ready
from shared.messaging.consumers import Consumers
from shared.messaging.crashes import RedeliveredWork
from shared.messaging.deliveries import QueueReceiver
from shared.messaging.inbox import Handler, Subscriptions, purge_loop
from shared.messaging.jobs import PREFETCH, Effect, Job, Jobs
from shared.messaging.outbox_metrics import OutboxMetrics
from shared.messaging.relay import OutboxRelay
from shared.messaging.wake_up import run_wake_up
from shared.settings import MessagingSettings

RESERVED_CONNECTIONS = 5
"""Pool connections for the relay, its wake-up, the checks and an effect's transactions."""

type Consumer = tuple[type[Event] | type[Job], Handler[Any]]
"""A queue's message type, and its handler."""


def build_worker(
    settings: MessagingSettings,
    *,
    service: str,
    subscriptions: Subscriptions | Callable[[Database], Subscriptions],
    jobs: Jobs | Callable[[Database], Jobs] | None = None,
    loops: Callable[[Database], Sequence[Loop]] = lambda _: (),
    reserved_connections: int = RESERVED_CONNECTIONS,
    closing: Sequence[Callable[[], Awaitable[None]]] = (),
) -> Starlette:
    """Consume, publish the outbox and run `loops` until stopped. `closing` releases what handlers used.

    Handlers that open their own transactions come from functions that receive the worker's database.
    """
    url = settings.rabbitmq_url.get_secret_value()

    @asynccontextmanager
    async def lifespan(worker: Starlette) -> AsyncIterator[None]:
        database = Database.from_settings(settings, name=f"{service} worker")
        on_job = jobs(database) if callable(jobs) else jobs or {}
        on_event = subscriptions(database) if callable(subscriptions) else subscriptions
        job_queues = [job.get_queue() for job in on_job]
        handlers = _name_queues(service, on_event, on_job)
        # More deliveries than connections would time out in the pool, and the checks with them.
        turns = asyncio.Semaphore(max(1, settings.database_pool_size - reserved_connections))
        redelivered_work = RedeliveredWork(database)
        receivers = {
            queue: QueueReceiver(database, redelivered_work, turns, queue, *handler)
            for queue, handler in handlers.items()
        }
        queue_type = settings.queue_type
        relay = OutboxRelay(database, url, job_queues=job_queues, queue_type=queue_type)
        prefetch = {queue: limit_deliveries(*handler) for queue, handler in handlers.items()}
        consumers = Consumers(url, receivers, job_queues=job_queues, prefetch=prefetch, queue_type=queue_type)
        worker.state.checks = {"postgres": Check(database.ping), "rabbitmq": Check(consumers.ping)}
        worker.state.outbox = OutboxMetrics(database)
        async with AsyncExitStack() as stack:
            for close in (database.close, *closing, relay.close, consumers.stop):
                stack.push_async_callback(close)
            await stack.enter_async_context(run_wake_up(database))
            shared_loops = (consumers.loop, relay.loop, relay.listening_loop, purge_loop(database))
            running = run_loops(*shared_loops, *loops(database))
            worker.state.loops = await stack.enter_async_context(running)
            yield

    routes = [Route("/health", health), Route("/ready", ready), Route("/metrics", _render_metrics)]
    return Starlette(routes=routes, lifespan=lifespan)


def _name_queues(service: str, subscriptions: Subscriptions, jobs: Jobs) -> dict[str, Consumer]:
    events: dict[str, Consumer] = {
        event.build_queue_name(service): (event, handler) for event, handler in subscriptions.items()
    }
    return events | {job.get_queue(): (job, handler) for job, handler in jobs.items()}


def limit_deliveries(message: type[Event | Job], handler: Handler[Any]) -> int:
    """Return the number of concurrent deliveries of a queue."""
    if isinstance(handler, Effect):
        return handler.max_concurrent
    return (issubclass(message, Event) and message.max_concurrent) or PREFETCH


async def _render_metrics(request: Request) -> Response:
    outbox: OutboxMetrics = request.app.state.outbox
    await outbox.update()
    return await metrics.render_metrics(request)
