import asyncio

import aio_pika
import pytest
from aio_pika import Message
from aio_pika.abc import AbstractChannel
from shared.messaging.broker import BrokerUnavailable
from shared.messaging.consumers import Consumers

from tests.shared.messaging.messages import QUEUE, wait_until


async def receive(_: bytes, __: bool) -> None: ...


async def test_consumers_start_again_after_a_connection_that_cannot_be_closed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumers = Consumers(url, {QUEUE: receive})
    await consumers.ensure_running()
    close = aio_pika.Connection.close

    async def broken(self: aio_pika.Connection, *_: object) -> None:
        await close(self)
        raise RuntimeError("half started")

    monkeypatch.setattr(aio_pika.Connection, "close", broken)
    await consumers._disconnect()
    await consumers.ensure_running()
    await consumers.ping()
    await consumers.stop()
    with pytest.raises(BrokerUnavailable):
        await consumers.ping()


async def test_consumers_start_again_after_their_queue_was_deleted(
    url: str, channel: AbstractChannel
) -> None:
    name = "demo.on.deleted"
    await channel.declare_queue(name, durable=True)
    consumers = Consumers(url, {name: receive})
    await consumers.ensure_running()
    await channel.queue_delete(name)

    async def has_consumers() -> bool:
        return await consumers._are_running()

    await wait_until(has_consumers, False)
    with pytest.raises(BrokerUnavailable):
        await consumers.ping()
    await channel.declare_queue(name, durable=True)
    await consumers.ensure_running()
    await consumers.ping()
    await consumers.stop()
    await channel.queue_delete(name)


async def test_long_work_is_distributed_between_workers(url: str, channel: AbstractChannel) -> None:
    long, short = "demo.job.long", "demo.job.short"
    started_by, may_end = list[str](), asyncio.Event()

    def create_consumers(worker: str) -> Consumers:
        async def work(body: bytes, _: bool) -> None:
            started_by.append(f"{worker} {body.decode()}")
            await may_end.wait()

        return Consumers(url, {long: work, short: work}, prefetch={long: 1})

    for name in (long, short):
        await channel.declare_queue(name, durable=True)
    first, second = create_consumers("first"), create_consumers("second")
    await first.ensure_running()
    for number in range(3):
        await channel.default_exchange.publish(Message(f"long {number}".encode()), long)
        await channel.default_exchange.publish(Message(f"short {number}".encode()), short)

    async def count_taken() -> int:
        return len(started_by)

    await wait_until(count_taken, 4)
    await second.ensure_running()
    await wait_until(count_taken, 5)
    expected = {f"first short {number}" for number in range(3)} | {"first long 0", "second long 1"}
    assert set(started_by) == expected
    may_end.set()
    await wait_until(count_taken, 6)
    for consumers in (first, second):
        await consumers.stop()
    for name in (long, short):
        await channel.queue_delete(name)
