"""Queues of earlier versions, after an upgrade in place."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aio_pika import Message
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity
from contracts import EVENTS, RETIRED_QUEUES
from shared.data.db import Database
from shared.messaging.broker import (
    EXCHANGE,
    declare_queues,
    declare_topology,
    list_event_queues,
    open_channel,
    open_connection,
    remove_queues,
)
from shared.messaging.queues import dead_letter_queue
from shared.messaging.relay import OutboxRelay
from shared.settings import QueueType

from tests.shared.messaging.messages import count_messages, count_waiting, read_next, record_unknown

RENAMED = RETIRED_QUEUES[0]
UNKNOWN = "content.on.something_of_theirs"


@pytest.fixture
async def old(channel: AbstractChannel, queue_type: QueueType) -> AsyncIterator[AbstractChannel]:
    """A broker with the queues of an earlier version."""
    # Other tests on this broker may have declared some, and as another type.
    await delete_queues(channel)
    await declare_queues(channel, {queue.name: queue.routing_key for queue in RETIRED_QUEUES}, queue_type)
    await declare_queues(channel, {UNKNOWN: RENAMED.routing_key}, queue_type)
    yield channel
    await delete_queues(channel)


async def delete_queues(channel: AbstractChannel) -> None:
    names = {UNKNOWN} | {name for queue in RETIRED_QUEUES for name in (queue.name, queue.replaced_by)}
    for name in names:
        await channel.queue_delete(name)
        await channel.queue_delete(dead_letter_queue(name))


async def list_existing(url: str) -> set[str]:
    names = [name for queue in RETIRED_QUEUES for name in (queue.name, dead_letter_queue(queue.name))]
    existing = set()
    for name in names:
        # The question after a missing queue closes the channel.
        async with open_channel(url) as channel:
            with suppress(ChannelNotFoundEntity):
                existing.add((await channel.declare_queue(name, passive=True)).name)
    return existing


async def publish(channel: AbstractChannel, queue: str, body: bytes) -> None:
    await channel.default_exchange.publish(Message(body, message_id=body.decode()), queue)


def test_no_declared_queue_is_listed_as_retired() -> None:
    assert not {queue.name for queue in RETIRED_QUEUES} & list_event_queues().keys()


async def test_messages_of_a_retired_queue_move_to_its_replacement(
    url: str, old: AbstractChannel, queue_type: QueueType
) -> None:
    await publish(old, RENAMED.name, b"waiting")
    await publish(old, dead_letter_queue(RENAMED.name), b"dead")
    await declare_topology(url, queue_type)
    assert await list_existing(url) == set()
    assert (await read_next(old, RENAMED.replaced_by)).body == b"waiting"
    assert (await read_next(old, dead_letter_queue(RENAMED.replaced_by))).body == b"dead"
    await declare_topology(url, queue_type)


async def test_a_large_retired_queue_moves_in_parts(
    url: str, old: AbstractChannel, queue_type: QueueType
) -> None:
    for number in range(250):
        await publish(old, RENAMED.name, str(number).encode())
    async with open_connection(url) as connection:
        await remove_queues(connection, [RENAMED], queue_type, limit=120)
        assert await count_messages(old, RENAMED.name) == 130
    await declare_topology(url, queue_type)
    assert RENAMED.name not in await list_existing(url)
    assert await count_messages(old, RENAMED.replaced_by) == 250


async def test_an_unknown_queue_is_not_changed(url: str, old: AbstractChannel, queue_type: QueueType) -> None:
    await publish(old, UNKNOWN, b"theirs")
    await declare_topology(url, queue_type)
    assert await count_messages(old, UNKNOWN) == 1


async def test_a_retired_queue_that_is_still_consumed_is_unbound_and_kept(
    url: str, old: AbstractChannel, queue_type: QueueType
) -> None:
    queue = await old.get_queue(RENAMED.name, ensure=False)

    async def hold(_: object) -> None: ...

    tag = await queue.consume(hold)
    await declare_topology(url, queue_type)
    assert RENAMED.name in await list_existing(url)
    exchange = await old.get_exchange(EXCHANGE)
    await exchange.publish(Message(b"new"), RENAMED.routing_key, mandatory=False)
    await queue.cancel(tag)
    assert await count_messages(old, RENAMED.name) == 0
    await declare_topology(url, queue_type)
    assert RENAMED.name not in await list_existing(url)


async def test_a_message_of_a_retired_type_goes_to_the_replacement(
    committed_database: Database, url: str, old: AbstractChannel, queue_type: QueueType
) -> None:
    assert RENAMED.routing_key not in {event.get_routing_key() for event in EVENTS}
    await declare_topology(url, queue_type)
    await record_unknown(committed_database, message_type=RENAMED.routing_key)
    relay = OutboxRelay(committed_database, url)
    await relay.publish_batch()
    await relay.close()
    await read_next(old, RENAMED.replaced_by)
    assert await count_waiting(committed_database) == 0
