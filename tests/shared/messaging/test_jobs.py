"""Jobs from the outbox to the handler, over the real broker and the real database, in a real worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import ClassVar

import pytest
import structlog
from aio_pika.abc import AbstractChannel
from shared.data.db import Database
from shared.errors import Unavailable
from shared.messaging.broker import list_service_queues, open_channel, replay_dead_letters
from shared.messaging.jobs import Effect, Job, Jobs
from shared.messaging.outbox import enqueue
from shared.messaging.queues import dead_letter_queue
from shared.messaging.worker import build_worker
from shared.settings import MessagingSettings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs


class CleanRoom(Job):
    service: ClassVar[str] = "demo"

    room: int


QUEUE = "demo.job.clean_room"


class Cleaner:
    def __init__(self, *failures: Exception) -> None:
        self.failures, self.cleaned = list(failures), list[CleanRoom]()
        self.attempts = 0
        self.done = asyncio.Event()

    async def __call__(self, session: AsyncSession, job: CleanRoom) -> None:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        self.cleaned.append(job)
        self.done.set()


@pytest.fixture
async def channel(worker_settings: MessagingSettings) -> AsyncIterator[AbstractChannel]:
    async with open_channel(worker_settings.rabbitmq_url.get_secret_value()) as channel:
        yield channel
        for name in (QUEUE, dead_letter_queue(QUEUE)):
            await channel.queue_delete(name)


async def run_until_done(settings: MessagingSettings, cleaner: Cleaner) -> None:
    jobs: Jobs = {CleanRoom: cleaner}
    worker = build_worker(settings, service="demo", subscriptions={}, jobs=jobs)
    async with worker.router.lifespan_context(worker), asyncio.timeout(15):
        await cleaner.done.wait()
        # The commit follows the handler.
        await asyncio.sleep(0.2)


async def order(database: Database, job: Job) -> None:
    async with database.transaction() as session:
        enqueue(session, job)


def test_a_queue_is_named_after_its_service_and_job() -> None:
    assert CleanRoom.get_queue() == QUEUE
    assert list_service_queues("demo") == [QUEUE]


async def test_a_job_is_done_once_and_keeps_its_trace(
    committed_database: Database, worker_settings: MessagingSettings, channel: AbstractChannel
) -> None:
    with structlog.contextvars.bound_contextvars(traceparent="00-trace"):
        job = CleanRoom(room=7)
    await order(committed_database, job)
    cleaner = Cleaner()
    await run_until_done(worker_settings, cleaner)
    assert cleaner.cleaned == [job]
    assert cleaner.cleaned[0].traceparent == "00-trace"


async def test_a_job_of_a_rolled_back_transaction_is_not_enqueued(
    committed_database: Database, worker_settings: MessagingSettings, channel: AbstractChannel
) -> None:
    async def fail() -> None:
        async with committed_database.transaction() as session:
            enqueue(session, CleanRoom(room=1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    job = CleanRoom(room=2)
    await order(committed_database, job)
    cleaner = Cleaner()
    await run_until_done(worker_settings, cleaner)
    assert cleaner.cleaned == [job]


async def test_an_effect_may_open_its_own_transactions(
    committed_database: Database, worker_settings: MessagingSettings, channel: AbstractChannel
) -> None:
    await order(committed_database, CleanRoom(room=7))
    cleaner = Cleaner()

    def create_jobs(database: Database) -> Jobs:
        async def clean(job: CleanRoom) -> None:
            async with database.transaction() as session:
                await cleaner(session, job)

        return {CleanRoom: Effect(clean)}

    worker = build_worker(worker_settings, service="demo", subscriptions=lambda _: {}, jobs=create_jobs)
    async with worker.router.lifespan_context(worker), asyncio.timeout(15):
        await cleaner.done.wait()
    assert [job.room for job in cleaner.cleaned] == [7]


async def test_many_deliveries_share_few_connections(
    committed_database: Database, worker_settings: MessagingSettings, channel: AbstractChannel
) -> None:
    for room in range(12):
        await order(committed_database, CleanRoom(room=room))
    cleaned = list[int]()

    async def clean(session: AsyncSession, job: CleanRoom) -> None:
        await session.execute(text("SELECT pg_sleep(0.3)"))
        cleaned.append(job.room)

    few = worker_settings.model_copy(update={"database_pool_size": 7})
    worker = build_worker(few, service="demo", subscriptions={}, jobs={CleanRoom: clean})
    with capture_logs() as logs:
        async with worker.router.lifespan_context(worker), asyncio.timeout(20):
            while len(cleaned) < 12:  # noqa: ASYNC110 - counted by the handler
                await asyncio.sleep(0.05)
    assert "delivery_retrying" not in {entry["event"] for entry in logs}


async def test_a_job_is_retried_and_waits_for_an_unavailable_server(
    committed_database: Database, worker_settings: MessagingSettings, channel: AbstractChannel
) -> None:
    await order(committed_database, CleanRoom(room=7))
    cleaner = Cleaner(ValueError("once"), *[Unavailable("It is down.")] * 2, ValueError("twice"))
    await run_until_done(worker_settings, cleaner)
    assert cleaner.attempts == 5


async def test_a_job_that_keeps_failing_becomes_a_dead_letter_and_can_be_replayed(
    committed_database: Database, worker_settings: MessagingSettings, channel: AbstractChannel
) -> None:
    await order(committed_database, CleanRoom(room=7))
    cleaner = Cleaner(*[ValueError("always")] * 3)
    jobs: Jobs = {CleanRoom: cleaner}
    worker = build_worker(worker_settings, service="demo", subscriptions={}, jobs=jobs)
    async with worker.router.lifespan_context(worker), asyncio.timeout(20):
        while cleaner.attempts < 3 or not await _count_messages(channel, dead_letter_queue(QUEUE)):  # noqa: ASYNC110 - in the broker
            await asyncio.sleep(0.05)
        url = worker_settings.rabbitmq_url.get_secret_value()
        assert await replay_dead_letters(url, list_service_queues("demo"), worker_settings.queue_type) == {
            QUEUE: 1
        }
        await cleaner.done.wait()


async def test_a_waiting_job_does_not_delay_the_end_of_the_worker(
    committed_database: Database, worker_settings: MessagingSettings, channel: AbstractChannel
) -> None:
    await order(committed_database, CleanRoom(room=7))
    cleaner = Cleaner(*[Unavailable("It is down.")] * 100)
    jobs: Jobs = {CleanRoom: cleaner}
    worker = build_worker(worker_settings, service="demo", subscriptions={}, jobs=jobs)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(worker.router.lifespan_context(worker))
        while not cleaner.attempts:  # noqa: ASYNC110 - counted by the handler
            await asyncio.sleep(0.05)
        async with asyncio.timeout(12):
            await stack.aclose()


async def _count_messages(channel: AbstractChannel, queue: str) -> int:
    return (await channel.declare_queue(queue, passive=True)).declaration_result.message_count or 0


async def test_a_job_enqueued_before_the_first_start_is_accepted(
    committed_database: Database, worker_settings: MessagingSettings, channel: AbstractChannel
) -> None:
    await order(committed_database, CleanRoom(room=7))
    cleaner = Cleaner()
    with structlog.testing.capture_logs() as logs:
        await run_until_done(worker_settings, cleaner)
    assert "events_not_confirmed" not in {entry["event"] for entry in logs}


async def test_a_replay_before_the_first_start_of_the_worker_finds_nothing(
    worker_settings: MessagingSettings, channel: AbstractChannel
) -> None:
    url = worker_settings.rabbitmq_url.get_secret_value()
    assert await replay_dead_letters(url, list_service_queues("demo"), worker_settings.queue_type) == {
        QUEUE: 0
    }
