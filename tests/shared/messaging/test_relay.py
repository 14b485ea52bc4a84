"""From the outbox to the queues."""

import asyncio

import pytest
from aio_pika import DeliveryMode
from aio_pika.abc import AbstractChannel
from contracts.auth import UserDeleted, UserRef, UserRegistered
from contracts.game import SessionCompleted
from shared.data.db import Database
from shared.messaging import relay
from shared.messaging.broker import (
    EXCHANGE,
    BrokerUnavailable,
)
from shared.messaging.outbox import OutboxEvent, record
from shared.messaging.relay import MAX_ATTEMPTS, PAUSE_LOCK, POLL_SECONDS, OutboxRelay
from shared.messaging.wake_up import run_wake_up
from shared.settings import QueueType
from sqlalchemy import func, select, text
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from tests.shared.messaging.messages import (
    QUEUE,
    count_messages,
    count_waiting,
    read_next,
    record_unknown,
    run_relay,
    save,
    wait_until,
)


async def test_an_event_reaches_every_consumers_queue(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    [event] = await save(committed_database)
    async with run_relay(committed_database, url):
        for consumer in SessionCompleted.consumers:
            message = await read_next(channel, SessionCompleted.build_queue_name(consumer))
            assert message.delivery_mode is DeliveryMode.PERSISTENT
            assert message.message_id == str(event.id)
            assert message.content_type == "application/cloudevents+json"
            assert SessionCompleted.model_validate_json(message.body) == event
        await wait_until(lambda: count_waiting(committed_database), 0)


async def test_two_relays_publish_each_event_once(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    events = await save(committed_database, times=1200)
    async with run_relay(committed_database, url), run_relay(committed_database, url):
        await wait_until(lambda: count_waiting(committed_database), 0)
    assert await count_messages(channel, QUEUE) == len(events)


async def test_events_wait_for_an_unavailable_broker(committed_database: Database, url: str) -> None:
    await save(committed_database)
    async with run_relay(committed_database, "amqp://guest:guest@127.0.0.1:1/"):
        await asyncio.sleep(0.3)
    assert await count_waiting(committed_database) == 1
    async with run_relay(committed_database, url):
        await wait_until(lambda: count_waiting(committed_database), 0)


async def test_nothing_is_published_while_a_backup_pauses_the_relays(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    async with run_relay(committed_database, url):
        async with committed_database.transaction() as session:
            await session.execute(select(func.pg_advisory_xact_lock(PAUSE_LOCK)))
            await save(committed_database, times=3)
            await asyncio.sleep(2 * POLL_SECONDS)
            assert (await count_waiting(committed_database), await count_messages(channel, QUEUE)) == (3, 0)
        await wait_until(lambda: count_waiting(committed_database), 0)
    assert await count_messages(channel, QUEUE) == 3


async def test_a_pause_begins_when_the_current_batch_is_committed(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    await save(committed_database, times=300)
    async with run_relay(committed_database, url):
        await wait_until(lambda: is_sent(channel), expected=True)
        async with committed_database.transaction() as session:
            await session.execute(select(func.pg_advisory_xact_lock(PAUSE_LOCK)))
            # Each message is either in the outbox or in the queue.
            assert await count_waiting(committed_database) + await count_messages(channel, QUEUE) == 300


async def is_sent(channel: AbstractChannel) -> bool:
    return await count_messages(channel, QUEUE) > 0


async def test_large_events_are_published_in_small_batches(
    committed_database: Database, url: str, channel: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(committed_database)
    async with committed_database.transaction() as session:
        size = await session.scalar(select(func.octet_length(OutboxEvent.body)))
    for _ in range(4):
        await save(committed_database)
    # The third one would not fit, and even one that is too large alone is published.
    for max_bytes, left in ((2 * (size or 0) + 10, 3), (1, 2)):
        monkeypatch.setattr(relay, "MAX_BATCH_BYTES", max_bytes)
        single = OutboxRelay(committed_database, url)
        await single._connect()
        single._batch_size = 500
        assert await single.publish_batch()
        assert await count_waiting(committed_database) == left
        await single.close()


async def test_an_event_without_a_queue_is_kept(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    queue = await channel.get_queue(UserRegistered.build_queue_name("game"))
    await queue.unbind(EXCHANGE, UserRegistered.get_routing_key())
    async with committed_database.transaction() as session:
        record(session, UserRegistered, subject="u", data=UserRef(user_id=uuid7()))
    async with run_relay(committed_database, url):
        await asyncio.sleep(0.3)
        assert await count_waiting(committed_database) == 1
        await queue.bind(EXCHANGE, UserRegistered.get_routing_key())
        await read_next(channel, queue.name)


async def test_an_event_without_a_consumer_is_published_too(committed_database: Database, url: str) -> None:
    async with committed_database.transaction() as session:
        record(session, UserRegistered, subject="u", data=UserRef(user_id=uuid7()))
    async with run_relay(committed_database, url):
        await wait_until(lambda: count_waiting(committed_database), 0)


async def test_a_commit_wakes_the_relay(
    committed_database: Database, url: str, channel: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "POLL_SECONDS", 60.0)
    async with run_relay(committed_database, url), run_wake_up(committed_database):
        await save(committed_database)
        await read_next(channel, QUEUE)
        await asyncio.sleep(0.3)
        await save(committed_database)
        await read_next(channel, QUEUE)


async def test_the_relay_listens_again_after_its_connection_was_ended(
    committed_database: Database, url: str
) -> None:
    listening = OutboxRelay(committed_database, url)
    await listening.ensure_listening()
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    async with committed_database.transaction() as session:
        assert list(await session.scalars(text(end))) == [True]

    async def is_listening() -> bool:
        return listening._is_listening()

    await wait_until(is_listening, False)
    await listening.ensure_listening()
    async with run_wake_up(committed_database), asyncio.timeout(5):
        await save(committed_database)
        await listening.loop.wake_up.wait()
    await listening.close()


async def test_a_rolled_back_transaction_wakes_no_relay(committed_database: Database, url: str) -> None:
    woken = asyncio.Event()

    async def fail() -> None:
        async with committed_database.transaction() as session:
            record(session, UserRegistered, subject="u", data=UserRef(user_id=uuid7()))
            raise RuntimeError

    async with committed_database.listen("outbox", woken.set), run_wake_up(committed_database):
        with pytest.raises(RuntimeError):
            await fail()
        await asyncio.sleep(0.2)
        assert not woken.is_set()
        await save(committed_database)
        async with asyncio.timeout(5):
            await woken.wait()


async def test_unroutable_messages_do_not_block_the_others(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    await record_unknown(committed_database, times=600)
    await save(committed_database)
    async with run_relay(committed_database, url):
        await read_next(channel, QUEUE)
        await wait_until(lambda: count_waiting(committed_database), 600)


async def list_rows(database: Database) -> list[tuple[int, bool]]:
    async with database.transaction() as session:
        rows = await session.scalars(select(OutboxEvent))
        return [(row.attempts, row.due_at is not None) for row in rows]


async def test_a_message_of_unknown_type_is_parked_after_its_last_attempt(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    await record_unknown(committed_database, attempts=MAX_ATTEMPTS - 1)
    with capture_logs() as logs:
        async with run_relay(committed_database, url):
            await wait_until(lambda: list_rows(committed_database), [(MAX_ATTEMPTS, False)])
    assert {"event": "messages_parked", "log_level": "error", "types": ["demo.retired.v1"]} in logs


async def test_a_version_with_the_type_publishes_parked_messages(
    committed_database: Database, url: str, channel: AbstractChannel, queue_type: QueueType
) -> None:
    await record_unknown(committed_database, attempts=MAX_ATTEMPTS, parked=True)
    newer = OutboxRelay(committed_database, url, job_queues=["demo.retired.v1"], queue_type=queue_type)
    await newer.publish_batch()
    await newer.close()
    await read_next(channel, "demo.retired.v1")
    assert await count_waiting(committed_database) == 0
    for name in ("demo.retired.v1", "demo.retired.v1.parked"):
        await channel.queue_delete(name)


async def test_a_known_type_is_retried_without_a_limit(committed_database: Database, url: str) -> None:
    await record_unknown(
        committed_database, attempts=MAX_ATTEMPTS, message_type=UserDeleted.get_routing_key() + "x"
    )
    relay = OutboxRelay(committed_database, url)
    relay._known_types |= {UserDeleted.get_routing_key() + "x"}
    await relay.publish_batch()
    await relay.close()
    assert await list_rows(committed_database) == [(MAX_ATTEMPTS, True)]


async def test_a_batch_starts_small_after_a_connection(committed_database: Database, url: str) -> None:
    await save(committed_database, times=120)
    starting = OutboxRelay(committed_database, url)
    left = []
    for _ in range(3):
        await starting.publish_batch()
        left.append(await count_waiting(committed_database))
    await starting.close()
    assert left == [119, 109, 9]


async def test_a_lost_connection_is_not_counted_as_an_attempt(
    committed_database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(committed_database, times=3)

    async def lose(*_: object, **__: object) -> None:
        raise BrokerUnavailable("The connection to RabbitMQ was lost.")

    monkeypatch.setattr(relay, "publish_confirmed", lose)
    starting = OutboxRelay(committed_database, url)
    with pytest.raises(BrokerUnavailable):
        await starting.publish_batch()
    assert await list_rows(committed_database) == [(0, True)] * 3
