"""Classic and quorum queues: how they handle deliveries that are never settled. The types cannot be mixed."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aio_pika import Message
from aio_pika.abc import AbstractChannel
from shared.messaging.broker import declare_queues, open_channel
from shared.messaging.queues import MAX_DELIVERIES, QueuesDiffer, dead_letter_queue
from shared.settings import QueueType

from tests.shared.messaging.messages import count_messages, read_next, wait_until

NAME = "demo.on.typed"
TYPES: list[QueueType] = ["classic", "quorum"]


@pytest.fixture
async def free(channel: AbstractChannel) -> AsyncIterator[AbstractChannel]:
    """A channel of a broker. The queue of this name is deleted before and after the test."""
    yield channel
    for name in (NAME, dead_letter_queue(NAME)):
        await channel.queue_delete(name)


async def is_quorum(channel: AbstractChannel, queue: str) -> bool:
    """Return whether RabbitMQ counts deliveries, which it does for quorum queues only."""
    await channel.default_exchange.publish(Message(b"probe"), queue)
    probe = None
    for _ in range(2):
        probe = await (await channel.get_queue(queue)).get(timeout=5)
        await probe.reject(requeue=True)
        await asyncio.sleep(0.2)
    await read_next(channel, queue)
    return probe is not None and "x-delivery-count" in probe.headers


@pytest.mark.parametrize("kind", TYPES)
async def test_queues_and_dead_letters_are_of_the_configured_type(
    free: AbstractChannel, kind: QueueType
) -> None:
    await declare_queues(free, {NAME: NAME}, kind)
    await declare_queues(free, {NAME: NAME}, kind)
    for name in (NAME, dead_letter_queue(NAME)):
        assert await is_quorum(free, name) is (kind == "quorum")


@pytest.mark.parametrize("kind", TYPES)
async def test_a_rejected_delivery_becomes_a_dead_letter(free: AbstractChannel, kind: QueueType) -> None:
    await declare_queues(free, {NAME: NAME}, kind)
    await free.default_exchange.publish(Message(b"unfit"), NAME)
    delivery = await (await free.get_queue(NAME)).get(timeout=5)
    await delivery.reject(requeue=False)
    assert (await read_next(free, dead_letter_queue(NAME))).body == b"unfit"


async def test_a_message_that_ends_its_workers_is_a_dead_letter(url: str, free: AbstractChannel) -> None:
    await declare_queues(free, {NAME: NAME}, "quorum")
    await free.default_exchange.publish(Message(b"deadly"), NAME)
    for _ in range(MAX_DELIVERIES + 1):
        async with open_channel(url) as worker:
            await (await worker.get_queue(NAME)).get(timeout=5)
    await wait_until(lambda: count_messages(free, dead_letter_queue(NAME)), 1)
    assert await count_messages(free, NAME) == 0


@pytest.mark.parametrize("kind", TYPES)
async def test_the_type_of_an_existing_queue_is_not_changed(
    free: AbstractChannel, url: str, kind: QueueType
) -> None:
    [other] = [candidate for candidate in TYPES if candidate != kind]
    await declare_queues(free, {NAME: NAME}, kind)
    async with open_channel(url) as channel:
        with pytest.raises(QueuesDiffer, match=rf"queue {NAME}\S* in another form than QUEUE_TYPE={other}"):
            await declare_queues(channel, {NAME: NAME}, other)
