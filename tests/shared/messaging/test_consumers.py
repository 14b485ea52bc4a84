import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from shared.messaging.broker import BrokerUnavailable
from shared.messaging.consumers import Consumers

from tests.shared.messaging.messages import QUEUE, becomes


async def receive(_: bytes) -> None: ...


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
    await consumers._abandon()
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

    async def are_running() -> bool:
        return await consumers._are_running()

    await becomes(are_running, False)
    with pytest.raises(BrokerUnavailable):
        await consumers.ping()
    await channel.declare_queue(name, durable=True)
    await consumers.ensure_running()
    await consumers.ping()
    await consumers.stop()
    await channel.queue_delete(name)
