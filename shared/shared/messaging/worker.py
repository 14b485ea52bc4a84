"""The worker of a service: its consumers and its relay, with health, readiness and metrics over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aio_pika.exceptions import AMQPError
from faststream.rabbit import RabbitBroker
from starlette.applications import Starlette
from starlette.routing import Route

from shared import metrics
from shared.data.db import Database
from shared.http.health import Check, health, ready
from shared.messaging.broker import BrokerDown, channel_to
from shared.messaging.inbox import Subscriptions, forget_old, subscribe
from shared.messaging.outbox import relay
from shared.settings import DatabaseSettings

log = structlog.get_logger(__name__)

type Background = Callable[[Database], Coroutine[Any, Any, None]]


def create_worker(
    settings: DatabaseSettings,
    *,
    service: str,
    subscriptions: Subscriptions,
    background: Sequence[Background] = (),
    closing: Sequence[Callable[[], Awaitable[None]]] = (),
) -> Starlette:
    """Consume every subscription and publish the outbox until stopped; RabbitMQ may come and go.

    `background` is what else a service does without being asked; each runs for as long as the worker.
    `closing` is what the subscriptions need no more in the end.
    """

    @asynccontextmanager
    async def lifespan(worker: Starlette) -> AsyncIterator[None]:
        database = Database.connect(settings, name=f"{service} worker")
        worker.state.checks = {
            "postgres": Check(database.ping),
            "rabbitmq": Check(lambda: _all_consumed(settings, service, subscriptions)),
        }
        tasks = [
            asyncio.create_task(relay(database, settings.rabbitmq_url.get_secret_value())),
            asyncio.create_task(forget_old(database)),
            asyncio.create_task(_consume(settings, service, database, subscriptions)),
            *(asyncio.create_task(work(database)) for work in background),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for close in closing:
            await close()
        await database.close()

    routes = [
        Route("/health", health),
        Route("/ready", ready),
        Route("/metrics", metrics.endpoint),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _consume(
    settings: DatabaseSettings, service: str, database: Database, subscriptions: Subscriptions
) -> None:
    broker = RabbitBroker(
        settings.rabbitmq_url.get_secret_value(), reconnect_interval=1.0, fail_fast=False, logger=None
    )
    subscribe(broker, database, service, subscriptions)
    try:
        while True:
            try:
                await broker.start()
                break
            except (AMQPError, OSError, TimeoutError) as error:
                log.warning("consumers_wait", reason=type(error).__name__)
                await asyncio.sleep(1)
        await asyncio.Event().wait()
    finally:
        await broker.stop()


async def _all_consumed(settings: DatabaseSettings, service: str, subscriptions: Subscriptions) -> None:
    """Raise unless every own queue has a consumer: an open connection alone says nothing."""
    async with channel_to(settings.rabbitmq_url.get_secret_value()) as channel:
        for event in subscriptions:
            queue = await channel.declare_queue(event.queue_of(service), passive=True)
            if not queue.declaration_result.consumer_count:
                raise BrokerDown(f"Nobody consumes {queue.name}.")
