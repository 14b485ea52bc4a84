"""The inbox: a delivery has its effect once, however often it comes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from contracts import Event
from faststream import AckPolicy, StreamMessage
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from pydantic import ValidationError
from sqlalchemy import CursorResult, DateTime, Index, String, Uuid, delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from shared import metrics
from shared.data.db import Base, Database
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

KEPT = timedelta(days=7)
ATTEMPTS = 3
PREFETCH = 20

type Handler[E: Event] = Callable[[AsyncSession, E], Awaitable[None]]
type Subscriptions = Mapping[type[Event], Handler[Any]]


class InboxEvent(Base):
    """An event that a consumer has applied."""

    __tablename__ = "inbox"

    consumer: Mapped[str] = mapped_column(String(200), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (Index(None, "received_at"),)


async def claim(session: AsyncSession, consumer: str, event_id: UUID) -> bool:
    """Whether this delivery is the first; the claim is kept only if the caller's transaction is."""
    claimed = insert(InboxEvent).values(consumer=consumer, event_id=event_id).on_conflict_do_nothing()
    result = await session.execute(claimed)
    return isinstance(result, CursorResult) and result.rowcount == 1


async def forget_old(database: Database) -> None:
    """Drop claims that are too old for a delivery to come again, once an hour, for ever."""
    while True:
        try:
            async with database.transaction() as session:
                old = InboxEvent.received_at < func.now() - KEPT
                await session.execute(delete(InboxEvent).where(old))
        except Unavailable:
            log.warning("inbox_not_cleaned")
        await asyncio.sleep(3600)


def subscribe(broker: RabbitBroker, database: Database, consumer: str, handlers: Subscriptions) -> None:
    """Give each handler the queue of its event.

    The queues are only looked up: the topology step has declared them. A delivery whose handler keeps
    failing is rejected, and the queue's dead-letter exchange parks it.
    """
    for event, handler in handlers.items():
        queue = event.queue_of(consumer)
        subscriber = broker.subscriber(
            RabbitQueue(queue, declare=False),
            channel=Channel(prefetch_count=PREFETCH),
            ack_policy=AckPolicy.REJECT_ON_ERROR,
            decoder=_undecoded,
            title=queue,
        )
        subscriber(_receiver(database, queue, event, handler))


async def _undecoded(message: StreamMessage[Any]) -> bytes:
    """The body as it came. By default it would depend on the content type, which a person may leave out."""
    return bytes(message.body)


def _receiver[E: Event](
    database: Database, queue: str, event: type[E], handler: Handler[E]
) -> Callable[[bytes], Awaitable[None]]:
    async def receive(body: bytes) -> None:
        try:
            outcome = await handle(body)
        except Exception:
            metrics.CONSUMED.labels(queue, "parked").inc()
            raise
        metrics.CONSUMED.labels(queue, outcome).inc()

    async def handle(body: bytes) -> str:
        try:
            delivery = event.model_validate_json(body)
        except ValidationError:
            log.error("delivery_unreadable", queue=queue)
            raise
        with structlog.contextvars.bound_contextvars(
            queue=queue, event_id=str(delivery.id), traceparent=delivery.traceparent
        ):
            return await _apply_with_retries(database, queue, delivery, handler)

    return receive


async def _apply_with_retries[E: Event](
    database: Database, queue: str, delivery: E, handler: Handler[E]
) -> str:
    """Try a few times, but wait as long as it takes for a database that is away: nothing else would help."""
    attempt = 0
    while True:
        try:
            return await apply(database, queue, delivery, handler)
        except Unavailable as error:
            log.warning("delivery_waits", reason=error.detail)
            await asyncio.sleep(1)
        except Exception:
            attempt += 1
            log.exception("delivery_failed", attempt=attempt)
            if attempt == ATTEMPTS:
                raise
            await asyncio.sleep(0.1 * 4**attempt)


async def apply[E: Event](database: Database, queue: str, delivery: E, handler: Handler[E]) -> str:
    """Claim a delivery and have its effect, in one transaction: "applied", or "repeated" if it was."""
    async with database.transaction() as session:
        if not await claim(session, queue, delivery.id):
            return "repeated"
        await handler(session, delivery)
    return "applied"
