"""Transactional outbox: messages are rows of the transaction that causes them. `relay.py` publishes them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from contracts.event import Event
from pydantic import BaseModel
from sqlalchemy import (
    ARRAY,
    DateTime,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Uuid,
    func,
    literal,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from shared.clock import utc_now
from shared.data.db import Base
from shared.logging import get_current_traceparent
from shared.messaging.jobs import Job
from shared.messaging.wake_up import wake_relay_after_commit

RECORDED_IDS = "outbox_ids"
BULK_INTERVAL = timedelta(milliseconds=2)
"""Well above the time that the relay takes for a message."""


class OutboxEvent(Base):
    """A message to be published at `due_at`. A parked message has no due time."""

    __tablename__ = "outbox"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    type: Mapped[str] = mapped_column(String(200))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (Index(None, "recorded_at"), Index(None, "due_at"))


def record[E: Event](session: AsyncSession, event: type[E], *, subject: str, data: BaseModel) -> E:
    """Write an event to the outbox, in the caller's transaction."""
    happened = event.model_validate(
        {
            "id": uuid7(),
            "time": utc_now(),
            "subject": subject,
            "traceparent": get_current_traceparent(),
            "data": data,
        }
    )
    _add(session, happened, happened.type)
    return happened


def enqueue(session: AsyncSession, job: Job) -> None:
    """Enqueue a job for the service's own worker, in the caller's transaction."""
    _add(session, job, job.get_queue())


async def spread_due_times(session: AsyncSession, ids: Sequence[UUID], *, interval: timedelta) -> None:
    """Spread the due times of the caller's messages over time, starting now."""
    await session.flush()
    id_table = func.unnest(literal(list(ids), ARRAY(Uuid)))
    positions = id_table.table_valued("id", with_ordinality="place").render_derived()
    due_at = func.clock_timestamp() + positions.c.place * literal(interval)
    postponed = update(OutboxEvent).where(OutboxEvent.id == positions.c.id).values(due_at=due_at)
    await session.execute(postponed, execution_options={"synchronize_session": False})


async def spread_recorded_messages(session: AsyncSession) -> None:
    """Spread the due times of all messages that the transaction has recorded, in their order, so that
    messages of other transactions are published in between.
    """
    await spread_due_times(session, session.info.get(RECORDED_IDS, ()), interval=BULK_INTERVAL)


def _add(session: AsyncSession, message: Event | Job, message_type: str) -> None:
    session.add(OutboxEvent(id=message.id, type=message_type, body=message.model_dump_json().encode()))
    session.info.setdefault(RECORDED_IDS, []).append(message.id)
    wake_relay_after_commit(session)
