"""A worker that is asked to stop during its work loses no message and applies none twice."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from aio_pika import Message
from aio_pika.abc import AbstractChannel
from contracts.game import SessionCompleted
from shared.data.db import Database
from shared.messaging.consumers import Consumers
from shared.settings import MessagingSettings

from gateway.tests.envoy import choose_free_port
from shared import stopping
from tests.shared.messaging.messages import (
    QUEUE,
    Recorder,
    count_claims,
    count_messages,
    count_waiting,
    run_consumers,
    run_relay,
    save,
    wait_until,
)

WORK = "demo.job.stopping"
PROGRAM = """
import asyncio
import sys
from contracts.game import SessionCompleted
from shared import stopping
from shared.background import Loop
from shared.http.server import serve
from shared.messaging.worker import build_worker
from shared.settings import MessagingSettings

stopping.MAX_WORK_SECONDS = stopping.MAX_LAST_PASS_SECONDS = 1

async def hang(*_):
    print("hangs", flush=True)
    await asyncio.sleep(60)

loop = Loop(name="hanging", work=hang, interval_seconds=60)
settings = MessagingSettings(port=int(sys.argv[1]), environment="test")
worker = build_worker(
    settings, service="game", subscriptions={SessionCompleted: hang}, loops=lambda _: [loop]
)
serve(worker, settings)
"""
EVENTS = 1_200
"""More than a relay publishes before it can be stopped."""


class Worker:
    """Consumers of one queue whose work ends when `may_end` is set."""

    def __init__(self, url: str) -> None:
        self.taken, self.done, self.may_end = 0, 0, asyncio.Event()
        self.consumers = Consumers(url, {WORK: self._work})

    async def _work(self, _: bytes, __: bool) -> None:
        self.taken += 1
        await self.may_end.wait()
        self.done += 1

    async def count_taken(self) -> int:
        return self.taken


@pytest.fixture
async def worker(url: str, channel: AbstractChannel) -> AsyncIterator[Worker]:
    """A worker that is processing a delivery."""
    await channel.declare_queue(WORK, durable=True)
    worker = Worker(url)
    await worker.consumers.ensure_running()
    await channel.default_exchange.publish(Message(b"work"), WORK)
    await wait_until(worker.count_taken, 1)
    yield worker
    await channel.queue_delete(WORK)


async def test_a_worker_that_stops_finishes_its_delivery(worker: Worker, channel: AbstractChannel) -> None:
    stopping = asyncio.create_task(worker.consumers.stop())
    await asyncio.sleep(0.2)
    assert not stopping.done()
    await channel.default_exchange.publish(Message(b"more"), WORK)
    worker.may_end.set()
    await stopping
    assert (worker.taken, worker.done) == (1, 1)
    # It took no further delivery, and those it finished are not delivered again.
    assert await count_messages(channel, WORK) == 1


async def test_a_delivery_that_cannot_be_finished_goes_to_another_worker(
    worker: Worker, url: str, channel: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "MAX_WORK_SECONDS", 0.2)
    await worker.consumers.stop()
    other = Worker(url)
    other.may_end.set()
    await other.consumers.ensure_running()
    await wait_until(other.count_taken, 1)
    await other.consumers.stop()
    assert (worker.done, other.done, await count_messages(channel, WORK)) == (0, 1, 0)


@pytest.fixture
def hanging_process(worker_settings: MessagingSettings, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker whose loop and whose handler never end."""
    database_url = worker_settings.database_url.get_secret_value()
    environment = {**os.environ, "DATABASE_URL": database_url, "RABBITMQ_URL": url}
    command = [sys.executable, "-c", PROGRAM, str(choose_free_port())]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own program
        yield process
        process.kill()


async def test_a_process_with_a_stuck_loop_and_delivery_ends_and_another_applies_the_delivery(
    hanging_process: subprocess.Popen[bytes], committed_database: Database, url: str
) -> None:
    await save(committed_database)
    assert hanging_process.stdout is not None
    hanging = 0
    while hanging < 2:
        hanging += await asyncio.to_thread(hanging_process.stdout.readline) == b"hangs\n"
    started = time.monotonic()
    hanging_process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(hanging_process.wait, 10) == -signal.SIGTERM
    assert time.monotonic() - started >= 2
    other = Recorder()
    async with run_consumers(committed_database, url, {SessionCompleted: other}):
        await wait_until(lambda: count_claims(committed_database), 1)
    assert len(other.seen) == 1


async def test_a_relay_that_stops_during_a_batch_publishes_each_event_once(
    committed_database: Database, url: str, channel: AbstractChannel
) -> None:
    await save(committed_database, times=EVENTS)
    async with run_relay(committed_database, url), asyncio.timeout(15):
        while await count_messages(channel, QUEUE) == 0:  # noqa: ASYNC110 - another system's work
            await asyncio.sleep(0)
    published, left = await count_messages(channel, QUEUE), await count_waiting(committed_database)
    assert 0 < published < EVENTS
    assert published + left == EVENTS
    async with run_relay(committed_database, url):
        await wait_until(lambda: count_waiting(committed_database), 0)
    assert await count_messages(channel, QUEUE) == EVENTS
