"""From the outbox to the queues."""

import asyncio

from aio_pika import DeliveryMode
from aio_pika.abc import AbstractChannel
from contracts.auth import UserDeleted, UserRef, UserRegistered
from contracts.game import SessionCompleted
from shared.data.db import Database
from shared.messaging.broker import (
    EXCHANGE,
)
from shared.messaging.outbox import record
from uuid_utils.compat import uuid7

from tests.shared.messaging.messages import (
    QUEUE,
    becomes,
    depth,
    next_of,
    relaying,
    save,
    waiting,
)


async def test_an_event_reaches_every_consumers_queue(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    [event] = await save(committed_database)
    async with relaying(committed_database, url):
        for consumer in SessionCompleted.consumers:
            message = await next_of(channel, SessionCompleted.queue_for(consumer))
            assert message.delivery_mode is DeliveryMode.PERSISTENT
            assert message.message_id == str(event.id)
            assert message.content_type == "application/cloudevents+json"
            assert SessionCompleted.model_validate_json(message.body) == event
        await becomes(lambda: waiting(committed_database), 0)


async def test_two_relays_publish_each_event_once(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    events = await save(committed_database, times=1200)
    async with relaying(committed_database, url), relaying(committed_database, url):
        await becomes(lambda: waiting(committed_database), 0)
    assert await depth(channel, QUEUE) == len(events)


async def test_events_wait_for_a_broker_that_is_away(committed_database: Database, url: str) -> None:
    await save(committed_database)
    async with relaying(committed_database, "amqp://guest:guest@127.0.0.1:1/"):
        await asyncio.sleep(0.3)
    assert await waiting(committed_database) == 1
    async with relaying(committed_database, url):
        await becomes(lambda: waiting(committed_database), 0)


async def test_an_event_without_a_queue_is_kept(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    queue = await channel.get_queue(UserDeleted.queue_for("game"))
    await queue.unbind(EXCHANGE, UserDeleted.routing_key())
    async with committed_database.transaction() as session:
        record(session, UserDeleted, subject="u", data=UserRef(user_id=uuid7()))
    async with relaying(committed_database, url):
        await asyncio.sleep(0.3)
        assert await waiting(committed_database) == 1
        await queue.bind(EXCHANGE, UserDeleted.routing_key())
        await next_of(channel, queue.name)


async def test_an_event_that_nobody_listens_to_is_published_all_the_same(
    committed_database: Database, url: str
) -> None:
    async with committed_database.transaction() as session:
        record(session, UserRegistered, subject="u", data=UserRef(user_id=uuid7()))
    async with relaying(committed_database, url):
        await becomes(lambda: waiting(committed_database), 0)
