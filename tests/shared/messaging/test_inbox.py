"""From the queues to the handlers."""

import asyncio
from typing import ClassVar

import pytest
from aio_pika import Message
from aio_pika.abc import AbstractChannel
from contracts import Event
from contracts.game import SessionCompleted
from shared.data.db import Database, create_engine
from shared.errors import Unavailable
from shared.messaging import inbox
from shared.messaging.broker import (
    EXCHANGE,
    list_event_queues,
    publish_confirmed,
    replay_dead_letters,
)
from shared.messaging.inbox import apply_once
from shared.messaging.jobs import Effect, Job, WorkTooLong
from shared.messaging.queues import dead_letter_queue
from shared.settings import QueueType
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.shared.messaging.messages import (
    QUEUE,
    Recorder,
    count_claims,
    count_messages,
    run_consumers,
    save,
    wait_until,
)


async def test_a_delivery_that_arrives_twice_is_applied_once(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    handler = Recorder()
    [event] = await save(committed_database)
    exchange = await channel.get_exchange(EXCHANGE)
    async with run_consumers(committed_database, url, {SessionCompleted: handler}):
        for _ in range(3):
            body = event.model_dump_json().encode()
            await publish_confirmed(exchange, event.type, body, message_id=str(event.id))
        await wait_until(lambda: count_messages(channel, QUEUE), 0)
        await asyncio.sleep(0.3)
    assert handler.seen == [event]


async def test_a_claim_is_rolled_back_when_the_handler_fails(committed_database: Database) -> None:
    handler = Recorder()
    handler.fail = True
    [event] = await save(committed_database)
    with pytest.raises(ValueError, match="cannot be handled"):
        await apply_once(committed_database, QUEUE, event, handler)
    handler.fail = False
    assert await apply_once(committed_database, QUEUE, event, handler) == "applied"
    assert await apply_once(committed_database, QUEUE, event, handler) == "repeated"


async def test_a_delivery_that_conflicts_with_another_transaction_is_repeated(
    committed_database: Database,
) -> None:
    attempts = 0

    async def handler(session: AsyncSession, _: SessionCompleted) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            await session.execute(text("DO $$ BEGIN RAISE 'x' USING ERRCODE = 'deadlock_detected'; END $$"))

    [event] = await save(committed_database)
    assert await apply_once(committed_database, QUEUE, event, handler) == "applied"
    assert (attempts, await count_claims(committed_database)) == (3, 1)


async def test_an_event_that_keeps_failing_becomes_a_dead_letter_and_can_be_replayed(
    committed_database: Database, url: str, channel: AbstractChannel, queue_type: QueueType
) -> None:
    handler = Recorder()
    handler.fail = True
    [event] = await save(committed_database)
    exchange = await channel.get_exchange(EXCHANGE)
    async with run_consumers(committed_database, url, {SessionCompleted: handler}):
        await publish_confirmed(
            exchange, event.type, event.model_dump_json().encode(), message_id=str(event.id)
        )
        await wait_until(lambda: count_messages(channel, dead_letter_queue(QUEUE)), 1)
        assert len(handler.seen) == 3
        handler.fail = False
        replayed = await replay_dead_letters(url, list_event_queues(), queue_type)
        assert replayed[QUEUE] == 1
        await wait_until(lambda: count_claims(committed_database), 1)
    assert await count_messages(channel, dead_letter_queue(QUEUE)) == 0
    assert (
        await count_messages(channel, SessionCompleted.build_queue_name("content")) == 1
    )  # the other consumer's only copy


async def test_a_delivery_waits_for_an_unavailable_server_instead_of_failing(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    tries = 0

    async def fail_at_first(session: AsyncSession, event: Event) -> None:
        nonlocal tries
        tries += 1
        if tries < 5:
            raise Unavailable("The database does not answer.")

    [event] = await save(committed_database)
    exchange = await channel.get_exchange(EXCHANGE)
    async with run_consumers(committed_database, url, {SessionCompleted: fail_at_first}):
        await publish_confirmed(
            exchange, event.type, event.model_dump_json().encode(), message_id=str(event.id)
        )
        await wait_until(lambda: count_claims(committed_database), 1)
    assert tries == 5
    assert await count_messages(channel, dead_letter_queue(QUEUE)) == 0


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
async def test_a_delivery_sent_by_hand_is_read_with_any_content_type(
    committed_database: Database, url: str, channel: AbstractChannel, content_type: str | None
) -> None:
    handler = Recorder()
    [event] = await save(committed_database)
    message = Message(event.model_dump_json().encode(), content_type=content_type)
    async with run_consumers(committed_database, url, {SessionCompleted: handler}):
        await channel.default_exchange.publish(message, QUEUE)
        await wait_until(lambda: count_claims(committed_database), 1)
    assert handler.seen == [event]


@pytest.mark.parametrize("body", [b"", b"{", b'{"id": 1}', b"\xff"])
async def test_an_unreadable_delivery_becomes_a_dead_letter_immediately(
    committed_database: Database, url: str, channel: AbstractChannel, body: bytes
) -> None:
    handler = Recorder()
    exchange = await channel.get_exchange(EXCHANGE)
    async with run_consumers(committed_database, url, {SessionCompleted: handler}):
        await publish_confirmed(exchange, SessionCompleted.get_routing_key(), body, message_id="broken")
        await wait_until(lambda: count_messages(channel, dead_letter_queue(QUEUE)), 1)
    assert not handler.seen


class Publish(Job):
    service: ClassVar[str] = "effects"


async def test_an_effect_occupies_no_connection_and_is_claimed_when_it_is_done(database_url: str) -> None:
    database = Database(create_engine(database_url, name="tests", pool_size=1, max_overflow=0))
    job, attempts = Publish(), list[Publish]()

    async def publish(published: Publish) -> None:
        await database.ping()
        attempts.append(published)
        if len(attempts) == 1:
            raise Unavailable("It is down.")

    effect = Effect(publish)
    with pytest.raises(Unavailable):
        await apply_once(database, job.get_queue(), job, effect)
    assert await apply_once(database, job.get_queue(), job, effect) == "applied"
    assert await apply_once(database, job.get_queue(), job, effect) == "repeated"
    assert attempts == [job, job]
    await database.close()


async def test_an_effect_that_takes_too_long_is_given_up_but_its_own_time_limit_is_a_failure(
    committed_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: Publish) -> None:
        await asyncio.sleep(60)

    async def exceed_own_limit(_: Publish) -> None:
        raise TimeoutError

    job = Publish()
    with pytest.raises(TimeoutError):
        await apply_once(committed_database, job.get_queue(), job, Effect(exceed_own_limit))
    monkeypatch.setattr(inbox, "MAX_EFFECT_SECONDS", 0.05)
    with pytest.raises(WorkTooLong):
        await apply_once(committed_database, job.get_queue(), job, Effect(hang))
