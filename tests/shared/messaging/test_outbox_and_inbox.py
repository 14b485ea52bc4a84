"""Events from the outbox to the handler, over the real broker and the real database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from contracts import Event
from contracts.auth import UserDeleted, UserRef, UserRegistered
from contracts.game import CompletedSession, SessionCompleted
from faststream.rabbit import RabbitBroker
from shared.background import running
from shared.data.db import Database
from shared.errors import Unavailable
from shared.messaging.broker import (
    EXCHANGE,
    dead_letter_queue,
    declare_topology,
    event_queues,
    open_channel,
    publish_confirmed,
    replay_dead_letters,
)
from shared.messaging.inbox import InboxEvent, Subscriptions, apply_once, subscribe
from shared.messaging.outbox import OutboxEvent, OutboxRelay, record
from shared.settings import MessagingSettings
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

QUEUE = SessionCompleted.queue_of("game")


@pytest.fixture
async def url(worker_settings: MessagingSettings) -> str:
    """The broker with its topology, and nothing in its queues."""
    url = worker_settings.rabbitmq_url.get_secret_value()
    await declare_topology(url)
    await declare_topology(url)
    async with open_channel(url) as channel:
        for name in event_queues():
            await (await channel.get_queue(name)).purge()
            await (await channel.get_queue(dead_letter_queue(name))).purge()
    return url


@pytest.fixture
async def channel(url: str) -> AsyncIterator[AbstractChannel]:
    async with open_channel(url) as channel:
        yield channel


def completed() -> CompletedSession:
    return CompletedSession(
        session_id=uuid7(),
        user_id=uuid7(),
        mode="listen_only",
        level="A1",
        duration_seconds=60,
        completed_at=datetime.now(UTC),
        results=[],
    )


async def save(database: Database, *, times: int = 1) -> list[SessionCompleted]:
    async with database.transaction() as session:
        return [record(session, SessionCompleted, subject="s", data=completed()) for _ in range(times)]


async def waiting(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.scalar(select(func.count()).select_from(OutboxEvent))) or 0


async def becomes[T](read: Callable[[], Awaitable[T]], expected: T, *, within: float = 15.0) -> None:
    """Wait for the outcome of work that goes on elsewhere."""
    async with asyncio.timeout(within):
        while await read() != expected:  # noqa: ASYNC110 - what is waited for is in another system
            await asyncio.sleep(0.05)


@asynccontextmanager
async def relaying(database: Database, url: str) -> AsyncIterator[None]:
    relay = OutboxRelay(database, url)
    async with running(relay.loop):
        yield
    await relay.close()


@asynccontextmanager
async def consuming(database: Database, url: str, handlers: Subscriptions) -> AsyncIterator[None]:
    broker = RabbitBroker(url, logger=None)
    for event, handler in handlers.items():
        subscribe(broker, database, event.queue_of("game"), event, handler)
    await broker.start()
    yield
    await broker.stop()


async def next_of(channel: AbstractChannel, queue: str) -> AbstractIncomingMessage:
    async with asyncio.timeout(10):
        while True:
            if (message := await (await channel.get_queue(queue)).get(fail=False)) is not None:
                await message.ack()
                return message
            await asyncio.sleep(0.05)


async def depth(channel: AbstractChannel, queue: str) -> int:
    return (await channel.declare_queue(queue, passive=True)).declaration_result.message_count or 0


async def test_an_event_reaches_every_consumers_queue(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    [event] = await save(committed_database)
    async with relaying(committed_database, url):
        for consumer in SessionCompleted.consumers:
            message = await next_of(channel, SessionCompleted.queue_of(consumer))
            assert message.delivery_mode is DeliveryMode.PERSISTENT
            assert message.message_id == str(event.id)
            assert message.content_type == "application/cloudevents+json"
            assert SessionCompleted.model_validate_json(message.body) == event
        await becomes(lambda: waiting(committed_database), 0)


async def test_what_was_rolled_back_never_happened(committed_database: Database) -> None:
    async def fails() -> None:
        async with committed_database.transaction() as session:
            record(session, SessionCompleted, subject="s", data=completed())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    assert await waiting(committed_database) == 0


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
    queue = await channel.get_queue(UserDeleted.queue_of("game"))
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


class Recorder:
    """A handler that notes what it was given and can be told to fail."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.fail = False

    async def __call__(self, session: AsyncSession, event: Event) -> None:
        self.seen.append(event)
        if self.fail:
            raise ValueError("cannot be handled")


async def test_a_delivery_that_comes_twice_has_its_effect_once(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    handler = Recorder()
    [event] = await save(committed_database)
    exchange = await channel.get_exchange(EXCHANGE)
    async with consuming(committed_database, url, {SessionCompleted: handler}):
        for _ in range(3):
            body = event.model_dump_json().encode()
            await publish_confirmed(exchange, event.type, body, message_id=str(event.id))
        await becomes(lambda: depth(channel, QUEUE), 0)
        await asyncio.sleep(0.3)
    assert handler.seen == [event]


async def test_a_claim_is_not_kept_when_the_handler_fails(committed_database: Database) -> None:
    handler = Recorder()
    handler.fail = True
    [event] = await save(committed_database)
    with pytest.raises(ValueError, match="cannot be handled"):
        await apply_once(committed_database, QUEUE, event, handler)
    handler.fail = False
    assert await apply_once(committed_database, QUEUE, event, handler) == "applied"
    assert await apply_once(committed_database, QUEUE, event, handler) == "repeated"


async def test_what_keeps_failing_is_parked_and_can_be_replayed(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    handler = Recorder()
    handler.fail = True
    [event] = await save(committed_database)
    exchange = await channel.get_exchange(EXCHANGE)
    async with consuming(committed_database, url, {SessionCompleted: handler}):
        await publish_confirmed(
            exchange, event.type, event.model_dump_json().encode(), message_id=str(event.id)
        )
        await becomes(lambda: depth(channel, dead_letter_queue(QUEUE)), 1)
        assert len(handler.seen) == 3
        handler.fail = False
        replayed = await replay_dead_letters(url, event_queues())
        assert replayed[QUEUE] == 1
        await becomes(lambda: _claims(committed_database), 1)
    assert await depth(channel, dead_letter_queue(QUEUE)) == 0
    assert await depth(channel, SessionCompleted.queue_of("content")) == 1  # the other consumer's only copy


async def _claims(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.scalar(select(func.count()).select_from(InboxEvent))) or 0


async def test_a_delivery_waits_for_what_is_away_instead_of_being_parked(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    tries = 0

    async def away_at_first(session: AsyncSession, event: Event) -> None:
        nonlocal tries
        tries += 1
        if tries < 5:
            raise Unavailable("The database does not answer.")

    [event] = await save(committed_database)
    exchange = await channel.get_exchange(EXCHANGE)
    async with consuming(committed_database, url, {SessionCompleted: away_at_first}):
        await publish_confirmed(
            exchange, event.type, event.model_dump_json().encode(), message_id=str(event.id)
        )
        await becomes(lambda: _claims(committed_database), 1)
    assert tries == 5
    assert await depth(channel, dead_letter_queue(QUEUE)) == 0


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
async def test_a_delivery_sent_by_hand_is_read_whatever_it_calls_itself(
    committed_database: Database, url: str, channel: AbstractChannel, content_type: str | None
) -> None:
    handler = Recorder()
    [event] = await save(committed_database)
    message = Message(event.model_dump_json().encode(), content_type=content_type)
    async with consuming(committed_database, url, {SessionCompleted: handler}):
        await channel.default_exchange.publish(message, QUEUE)
        await becomes(lambda: _claims(committed_database), 1)
    assert handler.seen == [event]


@pytest.mark.parametrize("body", [b"", b"{", b'{"id": 1}', b"\xff"])
async def test_what_cannot_be_read_is_parked_at_once(
    committed_database: Database, url: str, channel: AbstractChannel, body: bytes
) -> None:
    handler = Recorder()
    exchange = await channel.get_exchange(EXCHANGE)
    async with consuming(committed_database, url, {SessionCompleted: handler}):
        await publish_confirmed(exchange, SessionCompleted.routing_key(), body, message_id="broken")
        await becomes(lambda: depth(channel, dead_letter_queue(QUEUE)), 1)
    assert not handler.seen
