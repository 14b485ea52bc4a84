import asyncio
import fcntl
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aio_pika.abc import AbstractChannel
from shared.messaging.broker import (
    declare_topology,
    list_event_queues,
    open_channel,
)
from shared.messaging.queues import QueuesDiffer, dead_letter_queue
from shared.settings import MessagingSettings, QueueType


@pytest.fixture(autouse=True)
async def _one_at_a_time() -> AsyncIterator[None]:
    """Let parallel test processes take turns: they share the queues."""
    broker = hashlib.sha256(os.environ.get("TEST_RABBITMQ_URL", "").encode()).hexdigest()[:16]
    with (Path(tempfile.gettempdir()) / f"parley-tests-{broker}.lock").open("w") as lock:
        # The lock must not block the event loop: statements that wait for the loop exceed their time limit.
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def queue_type(worker_settings: MessagingSettings) -> QueueType:
    return worker_settings.queue_type


@pytest.fixture
async def url(worker_settings: MessagingSettings, queue_type: QueueType) -> str:
    """The broker with its topology, and nothing in its queues."""
    url = worker_settings.rabbitmq_url.get_secret_value()
    try:
        await declare_topology(url, queue_type)
    except QueuesDiffer:
        # Earlier tests may have declared queues of the other type.
        await _delete_queues(url)
    await declare_topology(url, queue_type)
    async with open_channel(url) as channel:
        for name in list_event_queues():
            await (await channel.get_queue(name)).purge()
            await (await channel.get_queue(dead_letter_queue(name))).purge()
    return url


async def _delete_queues(url: str) -> None:
    async with open_channel(url) as channel:
        for name in list_event_queues():
            await channel.queue_delete(name)
            await channel.queue_delete(dead_letter_queue(name))


@pytest.fixture
async def channel(url: str) -> AsyncIterator[AbstractChannel]:
    async with open_channel(url) as channel:
        yield channel
