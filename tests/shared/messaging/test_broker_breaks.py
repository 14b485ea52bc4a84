"""A worker consumes again after its connection to RabbitMQ breaks, at any moment."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
from aio_pika import Connection
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ProbableAuthenticationError
from pydantic import SecretStr
from shared.data.db import Database
from shared.messaging import broker
from shared.messaging.broker import (
    BrokerUnavailable,
    declare_queues,
    open_connection,
    publish_confirmed,
)
from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue
from shared.messaging.queues import dead_letter_queue
from shared.messaging.worker import build_worker
from shared.settings import MessagingSettings
from sqlalchemy.ext.asyncio import AsyncSession
from yarl import URL

from tests.shared.messaging.proxy import Proxy, run_proxy


class Watched(Job):
    service: ClassVar[str] = "breaks"


def make_watched(number: int) -> type[Watched]:
    """Make a job with its own queue, so that the workers of one test do not share deliveries."""
    return type(f"Watched{number}", (Watched,), {"__module__": __name__})


async def delete_queues(channel: AbstractChannel, job: type[Watched]) -> None:
    for name in (job.get_queue(), dead_letter_queue(job.get_queue())):
        await channel.queue_delete(name)


@asynccontextmanager
async def run_behind_proxy(settings: MessagingSettings) -> AsyncIterator[tuple[Proxy, MessagingSettings]]:
    url = URL(settings.rabbitmq_url.get_secret_value())
    async with run_proxy(url.host or "", url.port or 0) as proxy:
        proxy_url = SecretStr(str(url.with_host("127.0.0.1").with_port(proxy.port)))
        yield proxy, settings.model_copy(update={"rabbitmq_url": proxy_url})


async def break_at(
    seconds: float,
    job: type[Watched],
    channel: AbstractChannel,
    proxied_settings: MessagingSettings,
    proxy: Proxy,
) -> None:
    all_delivered = asyncio.Event()

    async def handle(_: AsyncSession, __: Watched) -> None:
        all_delivered.set()

    worker = build_worker(proxied_settings, service="breaks", subscriptions={}, jobs={job: handle})
    async with worker.router.lifespan_context(worker):
        await asyncio.sleep(seconds)
        proxy.refuse()
        await asyncio.sleep(0.1)
        await proxy.accept()
        await asyncio.sleep(0.5)
        await publish_confirmed(
            channel.default_exchange, job.get_queue(), job().model_dump_json().encode(), message_id="m"
        )
        async with asyncio.timeout(20):
            await all_delivered.wait()


MOMENTS = [number * 0.02 for number in range(50)]


@pytest.mark.timed
async def test_deliveries_resume_within_two_seconds_of_the_brokers_return(
    committed_database: Database, worker_settings: MessagingSettings, channel: AbstractChannel
) -> None:
    job, all_delivered = make_watched(100), asyncio.Event()

    async def handle(_: AsyncSession, __: Watched) -> None:
        all_delivered.set()

    async with run_behind_proxy(worker_settings) as (proxy, settings):
        worker = build_worker(settings, service="breaks", subscriptions={}, jobs={job: handle})
        async with worker.router.lifespan_context(worker):
            await asyncio.sleep(0.5)
            proxy.refuse()
            async with committed_database.transaction() as session:
                for _ in range(600):
                    enqueue(session, job())
            # Long enough for growing pauses to exceed the limit.
            await asyncio.sleep(6)
            assert not all_delivered.is_set()
            await proxy.accept()
            async with asyncio.timeout(2):
                await all_delivered.wait()
    await delete_queues(channel, job)


@pytest.mark.parametrize("first", range(0, 50, 10))
async def test_a_worker_consumes_after_its_broker_broke_during_the_start(
    first: int, worker_settings: MessagingSettings, channel: AbstractChannel
) -> None:
    async def consume_after_break(number: int) -> str:
        job = make_watched(number)
        await declare_queues(channel, {job.get_queue(): job.get_queue()}, worker_settings.queue_type)
        async with run_behind_proxy(worker_settings) as (proxy, settings):
            try:
                await break_at(MOMENTS[number], job, channel, settings, proxy)
            except Exception as error:
                return repr(error)
            finally:
                await delete_queues(channel, job)
        return "consumed"

    numbers = range(first, first + 10)
    outcomes = await asyncio.gather(*(consume_after_break(number) for number in numbers))
    failed = {MOMENTS[n]: o for n, o in zip(numbers, outcomes, strict=True) if o != "consumed"}
    assert not failed


async def test_a_wrong_password_is_not_an_outage(url: str) -> None:
    with pytest.raises(ProbableAuthenticationError):
        async with open_connection(str(URL(url).with_password("wrong"))):
            pass


@pytest.mark.parametrize("host", ["127.0.0.1:1", "nowhere.invalid"])
async def test_a_connection_that_was_never_made_is_closed(host: str) -> None:
    with pytest.raises(BrokerUnavailable):
        async with open_connection(f"amqp://guest:guest@{host}/"):
            pass
    assert not _list_open_connections()


async def test_a_connection_is_closed_although_its_closing_is_cancelled(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "CLOSE_TIMEOUT_SECONDS", 0.0)
    async with open_connection(url):
        assert len(_list_open_connections()) == 1
    assert not _list_open_connections()


def _list_open_connections() -> list[Connection]:
    return [value for value in gc.get_objects() if isinstance(value, Connection) and not value.is_closed]
