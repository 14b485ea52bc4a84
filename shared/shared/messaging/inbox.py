"""Inbox: each delivery takes effect exactly once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contracts.event import Event
from sqlalchemy import CursorResult, DateTime, Index, String, Uuid, delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from shared.background import Loop
from shared.data.db import Base, Database
from shared.data.db_errors import retry_conflicts
from shared.messaging.jobs import MAX_EFFECT_SECONDS, Effect, Job, WorkTooLong

RETENTION = timedelta(days=7)
PURGE_SECONDS = 3600.0

type Handler[M: Event | Job] = Callable[[AsyncSession, M], Awaitable[None]] | Effect[Any]
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


async def _work(effect: Effect[Any], delivery: Event | Job) -> None:
    try:
        async with asyncio.timeout(MAX_EFFECT_SECONDS) as limit:
            await effect.work(delivery)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise WorkTooLong from error


async def _apply_effect(database: Database, queue: str, delivery: Event | Job, effect: Effect[Any]) -> str:
    async with database.transaction() as session:
        if await session.get(InboxEvent, (queue, delivery.id)) is not None:
            return "repeated"
    await _work(effect, delivery)
    # Claimed only now: if this process ends earlier, the work is repeated.
    async with database.transaction() as session:
        await claim(session, queue, delivery.id)
    return "applied"
