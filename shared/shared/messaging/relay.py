"""The relay, which publishes the outbox."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, batched
from uuid import UUID

import structlog
from aio_pika.abc import AbstractChannel, AbstractExchange
from aio_pika.exceptions import DeliveryError, PublishError
from contracts import EVENTS, RETIRED_QUEUES
from sqlalchemy import case, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared import metrics
from shared.background import Loop
from shared.data.db import Database
from shared.logging import describe_error
from shared.messaging.broker import (
    EXCHANGE,
    BrokerUnavailable,
    declare_queues,
    open_channel,
    publish_confirmed,
)
from shared.messaging.outbox import OutboxEvent
from shared.messaging.wake_up import CHANNEL
from shared.settings import QueueType

log = structlog.get_logger(__name__)

MAX_BATCH_SIZE = 500
MAX_BATCH_BYTES = 1024 * 1024
"""An import records hundreds of messages of 250 KB in one transaction."""
BATCH_GROWTH = 10
CONCURRENCY = 100
"""Messages that wait for confirms together, and share a timeout."""
POLL_SECONDS = 0.5
MAX_RETRY_SECONDS = 1.0
MAX_DELAY_SECONDS = 60
MAX_ATTEMPTS = 20
"""Attempts, in about a quarter of an hour, for a message without a known queue."""
KNOWN_TYPES = frozenset(event.get_routing_key() for event in EVENTS)
REPLACED_TYPES = {
    retired_queue.routing_key: retired_queue.replaced_by
    for retired_queue in RETIRED_QUEUES
    if retired_queue.routing_key not in KNOWN_TYPES
}
PAUSE_LOCK = 7275628
"""An advisory lock that every batch shares. Nothing is published while a backup holds it alone."""
REFUSALS = (DeliveryError, PublishError)
"""The broker's reply to a message that no queue accepts."""


class OutboxRelay:
    """A relay with a connection that it keeps between batches. Several relays may run concurrently."""

    def __init__(
        self,
        database: Database,
        rabbitmq_url: str,
        *,
        job_queues: Collection[str] = (),
        queue_type: QueueType = "classic",
    ) -> None:
        self._database, self._url = database, rabbitmq_url
        self._job_queues, self._queue_type = job_queues, queue_type
        self._known_types = KNOWN_TYPES | REPLACED_TYPES.keys() | set(job_queues)
        self._connection, self._listener = AsyncExitStack(), AsyncExitStack()
        self._channel: AbstractChannel | None = None
        self._batch_size = 1
        self._is_listening: Callable[[], bool] = bool
        self.loop = Loop(
            name="relay",
            work=self.publish_batch,
            interval_seconds=POLL_SECONDS,
            max_retry_seconds=MAX_RETRY_SECONDS,
        )
        self.listening_loop = Loop(
            name="relay_wake_up",
            work=self.ensure_listening,
            interval_seconds=POLL_SECONDS,
            required=False,
        )

    async def publish_batch(self) -> bool:
        """Publish the messages that have been due longest. True when more are waiting."""
        exchange = await self._connect()
        async with self._database.transaction() as session:
            batch = await _publish_batch(
                session, exchange, limit=self._batch_size, known_types=self._known_types
            )
        if batch.lost is not None:
            await self._disconnect()
            raise batch.lost
        if batch.size:
            self._batch_size = min(self._batch_size * BATCH_GROWTH, MAX_BATCH_SIZE)
        return batch.has_more

    async def ensure_listening(self) -> None:
        """Keep a connection that wakes the relay after the commits of all processes."""
        if not self._is_listening():
            await self._listener.aclose()
            listening = self._database.listen(CHANNEL, self.loop.wake_up.set)
            self._is_listening = await self._listener.enter_async_context(listening)

    async def close(self) -> None:
        await self._listener.aclose()
        await self._disconnect()

    async def _connect(self) -> AbstractExchange:
        if self._channel is None or self._channel.is_closed:
            await self._disconnect()
            channel = await self._connection.enter_async_context(open_channel(self._url))
            # Declared here too, because the worker's consumers may start later than its relay.
            queue_by_type = {queue: queue for queue in self._job_queues}
            await declare_queues(channel, queue_by_type, self._queue_type)
            await self._unpark_known_types()
            self._channel = channel
        return await self._channel.get_exchange(EXCHANGE, ensure=False)

    async def _disconnect(self) -> None:
        # A broker that has just recovered confirms slowly, so the first batches are small.
        self._channel, self._batch_size = None, 1
        await self._connection.aclose()

    async def _unpark_known_types(self) -> None:
        """Publish messages that an earlier version parked because it did not know their type."""
        parked = OutboxEvent.due_at.is_(None) & OutboxEvent.type.in_(self._known_types)
        async with self._database.transaction() as session:
            await session.execute(update(OutboxEvent).where(parked).values(due_at=func.now(), attempts=0))


@dataclass(frozen=True)
class _Batch:
    size: int
    has_more: bool
    lost: BrokerUnavailable | None
    """The error after which the rest of the batch was not published."""


async def _publish_batch(
    session: AsyncSession, exchange: AbstractExchange, *, limit: int, known_types: Collection[str]
) -> _Batch:
    """Publish one batch, delete exactly the rows that were confirmed, and delay those that were refused."""
    due = await _lock_due(session, limit=limit)
    rows = await _load(session, _choose_within_bytes(due))
    outcomes: dict[OutboxEvent, BaseException | None] = {}
    lost: BrokerUnavailable | None = None
    for chunk in batched(rows, CONCURRENCY):
        outcomes |= zip(chunk, await _publish(chunk, exchange), strict=True)
        lost = next(
            (outcome for outcome in outcomes.values() if isinstance(outcome, BrokerUnavailable)), None
        )
        if lost is not None:
            break
    confirmed = [row.id for row, outcome in outcomes.items() if outcome is None]
    if confirmed:
        await session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(confirmed)))
    refused = {row.id: outcome for row, outcome in outcomes.items() if isinstance(outcome, REFUSALS)}
    if refused:
        log.warning(
            "events_not_confirmed", events=len(refused), reason=describe_error(next(iter(refused.values())))
        )
        await _reschedule(session, refused, known_types=known_types)
    return _Batch(size=len(rows), has_more=len(due) == limit or len(rows) < len(due), lost=lost)


async def _lock_due(session: AsyncSession, *, limit: int) -> Sequence[tuple[UUID, int]]:
    """Return ids and body sizes of the longest-due messages that no other relay has locked."""
    # Rows are drained as they become visible, not by a sequence: ids are not in the order of commits.
    size = func.octet_length(OutboxEvent.body)
    # A subquery is evaluated once, before any row is locked.
    is_running = select(func.pg_try_advisory_xact_lock_shared(PAUSE_LOCK)).scalar_subquery()
    due = select(OutboxEvent.id, size).where(OutboxEvent.due_at <= func.now(), is_running)
    oldest = due.order_by(OutboxEvent.due_at).limit(limit)
    rows = await session.execute(oldest.with_for_update(skip_locked=True))
    return [(message_id, size) for message_id, size in rows]


async def _load(session: AsyncSession, ids: Collection[UUID]) -> list[OutboxEvent]:
    if not ids:
        return []
    events = await session.scalars(select(OutboxEvent).where(OutboxEvent.id.in_(ids)))
    by_id = {row.id: row for row in events}
    return [by_id[message_id] for message_id in ids]


def _choose_within_bytes(due: Sequence[tuple[UUID, int]]) -> list[UUID]:
    """Return the first ids whose messages fit into a batch together, and at least one."""
    totals = accumulate(size for _, size in due)
    return [
        message_id
        for index, ((message_id, _), total) in enumerate(zip(due, totals, strict=True))
        if index == 0 or total <= MAX_BATCH_BYTES
    ]


async def _publish(rows: Sequence[OutboxEvent], exchange: AbstractExchange) -> list[BaseException | None]:
    publishing = (
        publish_confirmed(exchange, REPLACED_TYPES.get(row.type, row.type), row.body, message_id=str(row.id))
        for row in rows
    )
    outcomes = await asyncio.gather(*publishing, return_exceptions=True)
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome is None:
            metrics.PUBLISHED.labels(row.type).inc()
        elif not isinstance(outcome, (BrokerUnavailable, *REFUSALS)):
            raise outcome
    return outcomes


async def _reschedule(session: AsyncSession, ids: Collection[UUID], *, known_types: Collection[str]) -> None:
    """Schedule the messages' next attempt. Park those of unknown types after the last one."""
    is_last = OutboxEvent.type.not_in(known_types) & (OutboxEvent.attempts + 1 >= MAX_ATTEMPTS)
    seconds = func.least(func.power(2, OutboxEvent.attempts), MAX_DELAY_SECONDS)
    due_at = func.clock_timestamp() + seconds * literal(timedelta(seconds=1))
    delayed = await session.execute(
        update(OutboxEvent)
        .where(OutboxEvent.id.in_(ids))
        .values(
            attempts=func.least(OutboxEvent.attempts + 1, MAX_ATTEMPTS),
            due_at=case((is_last, None), else_=due_at),
        )
        .returning(OutboxEvent.type, OutboxEvent.due_at)
        .execution_options(synchronize_session=False)
    )
    if parked := sorted({row.type for row in delayed if row.due_at is None}):
        log.error("messages_parked", types=parked)
