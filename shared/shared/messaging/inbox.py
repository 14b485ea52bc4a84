"""Inbox: each delivery takes effect exactly once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import structlog
from contracts.event import Event
from pydantic import ValidationError
from sqlalchemy import CursorResult, DateTime, Index, String, Uuid, delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from shared import metrics
from shared.background import Loop
from shared.data.db import Base, Database
from shared.data.db_errors import retry_conflicts
from shared.errors import Unavailable
from shared.messaging.jobs import Effect, Job

log = structlog.get_logger(__name__)

RETENTION = timedelta(days=7)
PURGE_SECONDS = 3600.0
MAX_ATTEMPTS = 3

type Handler[M: Event | Job] = Callable[[AsyncSession, M], Awaitable[None]] | Effect[Any]
type Receiver = Callable[[bytes], Awaitable[None]]
type Subscriptions = Mapping[type[Event], Handler[Any]]


class InboxEvent(Base):
    __tablename__ = "inbox"

    consumer: Mapped[str] = mapped_column(String(200), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (Index(None, "received_at"),)


async def claim(session: AsyncSession, consumer: str, event_id: UUID) -> bool:
    """Return whether this delivery is the first. The claim lasts only if the transaction is committed."""
    claimed = insert(InboxEvent).values(consumer=consumer, event_id=event_id).on_conflict_do_nothing()
    result = await session.execute(claimed)
    return isinstance(result, CursorResult) and result.rowcount == 1


def purge_loop(database: Database) -> Loop:
    """Delete claims that are too old for a redelivery, once an hour."""

    async def purge_inbox() -> None:
        async with database.transaction() as session:
            expired = InboxEvent.received_at < func.now() - RETENTION
            await session.execute(delete(InboxEvent).where(expired))

    return Loop(
        name="inbox_purge",
        work=purge_inbox,
        interval_seconds=PURGE_SECONDS,
        max_retry_seconds=60.0,
        required=False,
    )


def create_receiver[M: Event | Job](
    database: Database,
    queue: str,
    message: type[M],
    handler: Handler[M],
    *,
    turns: AbstractAsyncContextManager[Any] | None = None,
) -> Receiver:
    """Create the function that applies a delivery of the queue, and raises if it must become a dead letter.
    `turns` limits the open transactions of a process's handlers.
    """
    # An effect has no transaction, and may take minutes.
    turn = nullcontext() if turns is None or isinstance(handler, Effect) else turns

    async def receive(body: bytes) -> None:
        try:
            outcome = await handle(body)
        except Exception:
            metrics.CONSUMED.labels(queue, "parked").inc()
            raise
        metrics.CONSUMED.labels(queue, outcome).inc()

    async def handle(body: bytes) -> str:
        try:
            # The type checker merges the classes bound to M.
            delivery = cast(M, message.model_validate_json(body))
        except ValidationError:
            log.error("delivery_unreadable", queue=queue)
            raise
        with structlog.contextvars.bound_contextvars(
            queue=queue, event_id=str(delivery.id), traceparent=delivery.traceparent
        ):
            return await _apply_with_retries(database, queue, delivery, handler, turn)

    return receive


async def _apply_with_retries[M: Event | Job](
    database: Database,
    queue: str,
    delivery: M,
    handler: Handler[M],
    turn: AbstractAsyncContextManager[Any],
) -> str:
    """Retry a failing handler a few times, but wait indefinitely for a dependency that is down."""
    attempt = 0
    while True:
        try:
            async with turn:
                return await apply_once(database, queue, delivery, handler)
        except Unavailable as error:
            log.warning("delivery_retrying", reason=error.detail)
            await asyncio.sleep(1)
        except Exception:
            attempt += 1
            log.exception("delivery_failed", attempt=attempt)
            if attempt == MAX_ATTEMPTS:
                raise
            await asyncio.sleep(0.1 * 4**attempt)


@retry_conflicts
async def apply_once[M: Event | Job](database: Database, queue: str, delivery: M, handler: Handler[M]) -> str:
    """Claim and apply a delivery in one transaction. Returns "applied", or "repeated" for a duplicate."""
    if isinstance(handler, Effect):
        return await _apply_effect(database, queue, delivery, handler)
    async with database.transaction() as session:
        if not await claim(session, queue, delivery.id):
            return "repeated"
        await handler(session, delivery)
    return "applied"


async def _apply_effect(database: Database, queue: str, delivery: Event | Job, effect: Effect[Any]) -> str:
    async with database.transaction() as session:
        if await session.get(InboxEvent, (queue, delivery.id)) is not None:
            return "repeated"
    await effect.work(delivery)
    # Claimed only now: if this process ends earlier, the work is repeated.
    async with database.transaction() as session:
        await claim(session, queue, delivery.id)
    return "applied"
