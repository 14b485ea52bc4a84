"""A message during which each process ends is given up. Others are not, nor is work that was cut off."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from aio_pika import Message
from aio_pika.abc import AbstractChannel
from shared.data.db import Database
from shared.messaging.broker import declare_queues
from shared.messaging.consumers import Consumers
from shared.messaging.crashes import MAX_CRASHES, RedeliveredWork
from shared.messaging.deliveries import QueueReceiver
from shared.messaging.inbox import InboxEvent
from shared.messaging.jobs import Effect, Job
from shared.messaging.queues import dead_letter_queue
from shared.settings import MessagingSettings, QueueType
from sqlalchemy import select

from shared import stopping
from tests.shared.messaging.crashing_worker import GIVEN_UP, JOBS, Deadly, DeadlyInTransaction, Harmless
from tests.shared.messaging.messages import count_messages, wait_until

MAX_STARTS = MAX_CRASHES + 1
"""The first delivery is not recorded."""
MAX_SECONDS = 120
"""The worker starts about ten times, which takes 3 s on an idle machine."""


@pytest.fixture
async def publishing(channel: AbstractChannel, queue_type: QueueType) -> AsyncIterator[AbstractChannel]:
    """A channel with the empty queues of the worker."""
    queues = [job.get_queue() for job in JOBS]
    await declare_queues(channel, {name: name for name in queues}, queue_type)
    yield channel
    for name in queues:
        await channel.queue_delete(name)
        await channel.queue_delete(dead_letter_queue(name))


async def publish(channel: AbstractChannel, *jobs: Job) -> None:
    for job in jobs:
        await channel.default_exchange.publish(Message(job.model_dump_json().encode()), job.get_queue())


type Claims = list[tuple[str, UUID]]


async def count_crashes(database: Database) -> int:
    return sum("#" in consumer for consumer, _ in await list_claims(database))


async def list_claims(database: Database) -> Claims:
    """List the worker's claims. Other tests may have left some."""
    claims = select(InboxEvent.consumer, InboxEvent.event_id)
    async with database.transaction() as session:
        rows = await session.execute(claims.where(InboxEvent.consumer.startswith("crashes.")))
        return sorted((claim.consumer, claim.event_id) for claim in rows)


@pytest.fixture
async def output(worker_settings: MessagingSettings, url: str) -> AsyncIterator[list[bytes]]:
    """The lines that a restarted worker has printed. They are complete at the end of the test."""
    environment = {
        **os.environ,
        "DATABASE_URL": worker_settings.database_url.get_secret_value(),
        "RABBITMQ_URL": url,
        "QUEUE_TYPE": worker_settings.queue_type,
    }
    command = [sys.executable, "-m", "tests.shared.messaging.crashing_worker"]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.PIPE, start_new_session=True
    )
    lines: list[bytes] = []

    async def read(output: asyncio.StreamReader) -> None:
        async for line in output:
            lines.append(line.strip())

    assert process.stdout is not None
    reading = asyncio.create_task(read(process.stdout))
    yield lines
    os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    await reading


async def test_messages_that_end_their_workers_are_given_up_and_others_are_applied(
    committed_database: Database, publishing: AbstractChannel, output: list[bytes]
) -> None:
    harmless = [Harmless() for _ in range(3)]
    deadly, in_transaction = Deadly(), DeadlyInTransaction()
    await publish(publishing, *harmless, deadly, in_transaction)
    expected: Claims = [(Harmless.get_queue(), job.id) for job in harmless]
    expected += [(Deadly.get_queue(), deadly.id), (GIVEN_UP, deadly.id)]

    async def list_done() -> Claims:
        return [claim for claim in await list_claims(committed_database) if "#" not in claim[0]]

    await wait_until(list_done, sorted(expected), seconds=MAX_SECONDS)
    dead_letters = dead_letter_queue(DeadlyInTransaction.get_queue())
    await wait_until(lambda: count_messages(publishing, dead_letters), 1, seconds=MAX_SECONDS)
    later = Harmless()
    await publish(publishing, later)
    await wait_until(list_done, sorted([*expected, (Harmless.get_queue(), later.id)]), seconds=MAX_SECONDS)
    assert 1 <= output.count(b"deadly") <= MAX_STARTS
    # If the other job kills the process after this one's crashes are forgotten, but before this one is a dead
    # letter, this one starts from the beginning.
    assert 1 <= output.count(b"deadly in transaction") <= 2 * MAX_STARTS
    assert MAX_STARTS <= output.count(b"died") <= 3 * MAX_STARTS
    # A dead letter is replayed without its past.
    assert not [claim for claim in await list_claims(committed_database) if claim[1] == in_transaction.id]


async def test_a_lost_connection_and_a_stop_are_no_crashes(
    committed_database: Database, url: str, publishing: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "MAX_WORK_SECONDS", 0.1)
    started_count, may_end, job = 0, asyncio.Event(), Harmless()

    async def hang(_: Harmless) -> None:
        nonlocal started_count
        started_count += 1
        await may_end.wait()

    async def count_begun() -> int:
        return started_count

    await publish(publishing, job)
    for number in range(2 * MAX_STARTS):
        work = RedeliveredWork(committed_database)
        receive = QueueReceiver(
            committed_database, work, asyncio.Semaphore(), job.get_queue(), Harmless, Effect(hang)
        )
        consumers = Consumers(url, {job.get_queue(): receive})
        await consumers.ensure_running()
        await wait_until(count_begun, number + 1)
        if number % 2:
            # The broker closes the channel; the process continues.
            await consumers._disconnect()
            await wait_until(lambda: count_crashes(committed_database), 0)
        await consumers.stop()
        assert await count_crashes(committed_database) == 0
    may_end.set()
    await consumers.ensure_running()

    async def list_done() -> Claims:
        return await list_claims(committed_database)

    await wait_until(list_done, [(job.get_queue(), job.id)])
    await consumers.stop()
