"""Helpers that send and receive events over the real broker and the real database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from contracts import Event
from contracts.game import CompletedSession, SessionCompleted
from shared.background import run_loops
from shared.data.db import Database
from shared.messaging.consumers import Consumers
from shared.messaging.crashes import RedeliveredWork
from shared.messaging.deliveries import QueueReceiver
from shared.messaging.inbox import InboxEvent, Subscriptions
from shared.messaging.outbox import OutboxEvent, record
from shared.messaging.relay import OutboxRelay
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

QUEUE = SessionCompleted.build_queue_name("game")


def build_completed() -> CompletedSession:
    return CompletedSession(
        session_id=uuid7(),
        user_id=uuid7(),
        mode="listen_only",
        level="A1",
        duration_seconds=60,
        completed_at=datetime.now(UTC),
        results=[],
    )


async def save(database: Database, *, times: int = 1) -> list[SessionCompleted]:
    async with database.transaction() as session:
        return [record(session, SessionCompleted, subject="s", data=build_completed()) for _ in range(times)]


async def record_unknown(
    database: Database,
    *,
    times: int = 1,
    attempts: int = 0,
    parked: bool = False,
    message_type: str = "demo.retired.v1",
) -> None:
    """Write messages of a type that this version does not have."""
    row = {"type": message_type, "body": b"{}", "attempts": attempts}
    async with database.transaction() as session:
        await session.execute(insert(OutboxEvent), [{"id": uuid7(), **row} for _ in range(times)])
        if parked:
            these = OutboxEvent.type == message_type
            await session.execute(update(OutboxEvent).where(these).values(due_at=None))


async def count_waiting(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.scalar(select(func.count()).select_from(OutboxEvent))) or 0


async def wait_until[T](read: Callable[[], Awaitable[T]], expected: T, *, seconds: float = 15.0) -> None:
    """Wait until `read` returns the outcome of another process's work."""
    async with asyncio.timeout(seconds):
        while await read() != expected:  # noqa: ASYNC110 - another system's work
            await asyncio.sleep(0.05)


@asynccontextmanager
async def run_relay(database: Database, url: str) -> AsyncIterator[None]:
    relay = OutboxRelay(database, url)
    async with run_loops(relay.loop, relay.listening_loop):
        yield
    await relay.close()


@asynccontextmanager
async def run_consumers(database: Database, url: str, handlers: Subscriptions) -> AsyncIterator[None]:
    queues = {event.build_queue_name("game"): (event, handler) for event, handler in handlers.items()}
    common = (database, RedeliveredWork(database), asyncio.Semaphore(10))
    receivers = {queue: QueueReceiver(*common, queue, *handler) for queue, handler in queues.items()}
    consumers = Consumers(url, receivers)
    await consumers.ensure_running()
    yield
    await consumers.stop()


async def read_next(channel: AbstractChannel, queue: str) -> AbstractIncomingMessage:
    async with asyncio.timeout(10):
        while True:
            if (message := await (await channel.get_queue(queue)).get(fail=False)) is not None:
                await message.ack()
                return message
            await asyncio.sleep(0.05)


async def count_messages(channel: AbstractChannel, queue: str) -> int:
    return (await channel.declare_queue(queue, passive=True)).declaration_result.message_count or 0


class Recorder:
    """Records the messages it handles, and fails on request."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.fail = False

    async def __call__(self, session: AsyncSession, event: Event) -> None:
        self.seen.append(event)
        if self.fail:
            raise ValueError("cannot be handled")


async def count_claims(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.scalar(select(func.count()).select_from(InboxEvent))) or 0
