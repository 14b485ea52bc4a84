"""The outbox: events are rows of the transaction that caused them, and a relay hands them to the broker."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from aio_pika.abc import AbstractExchange
from contracts import Event
from pydantic import BaseModel
from sqlalchemy import DateTime, Index, LargeBinary, String, Uuid, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from shared import metrics
from shared.data.db import Base, Database
from shared.errors import Unavailable
from shared.messaging.broker import EXCHANGE, channel_to, send

log = structlog.get_logger(__name__)

BATCH = 500
POLL_SECONDS = 0.5


class OutboxEvent(Base):
    """An event that waits to be published."""

    __tablename__ = "outbox"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    type: Mapped[str] = mapped_column(String(200))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (Index(None, "recorded_at"),)


def record[E: Event](session: AsyncSession, event: type[E], *, subject: str, data: BaseModel) -> E:
    """Write an event into the outbox, in the caller's transaction."""
    trace = structlog.contextvars.get_contextvars().get("traceparent")
    happened = event.model_validate(
        {"id": uuid7(), "time": datetime.now(UTC), "subject": subject, "traceparent": trace, "data": data}
    )
    session.add(OutboxEvent(id=happened.id, type=happened.type, body=happened.model_dump_json().encode()))
    return happened


async def relay(database: Database, rabbitmq_url: str) -> None:
    """Publish what the outbox holds, for ever, on a connection of its own.

    Several relays may run at once: a row is locked by the one that publishes it. Rows are drained as they
    become visible, not by a sequence, because ids are not given in the order of commits.
    """
    pause = POLL_SECONDS
    while True:
        try:
            async with channel_to(rabbitmq_url) as channel:
                exchange = await channel.get_exchange(EXCHANGE)
                pause = POLL_SECONDS
                while not channel.is_closed:
                    if await _drain(database, exchange) < BATCH:
                        await asyncio.sleep(POLL_SECONDS)
        except Unavailable as error:
            log.warning("relay_waits", reason=error.detail, seconds=pause)
        except Exception:
            # Whatever it is, the events are safe in their table, and only trying again can deliver them.
            log.exception("relay_failed")
        await asyncio.sleep(pause)
        pause = min(pause * 2, 5.0)


async def _drain(database: Database, exchange: AbstractExchange) -> int:
    """Publish one batch and delete exactly the rows that the broker has confirmed; their number."""
    async with database.transaction() as session:
        oldest = select(OutboxEvent).order_by(OutboxEvent.recorded_at).limit(BATCH)
        rows = (await session.scalars(oldest.with_for_update(skip_locked=True))).all()
        metrics.OUTBOX_PENDING.set(len(rows))
        if not rows:
            return 0
        confirmed = await _publish(rows, exchange)
        await session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(confirmed)))
    return len(confirmed)


async def _publish(rows: Sequence[OutboxEvent], exchange: AbstractExchange) -> list[UUID]:
    sends = (send(exchange, row.type, row.body, message_id=str(row.id)) for row in rows)
    outcomes = await asyncio.gather(*sends, return_exceptions=True)
    confirmed = [row for row, outcome in zip(rows, outcomes, strict=True) if outcome is None]
    for row in confirmed:
        metrics.PUBLISHED.labels(row.type).inc()
    if failures := [outcome for outcome in outcomes if outcome is not None]:
        log.warning("events_not_confirmed", events=len(failures), reason=repr(failures[0]))
    return [row.id for row in confirmed]
