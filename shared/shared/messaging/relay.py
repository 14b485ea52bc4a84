"""The relay: publishes what the outbox holds."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import structlog
from aio_pika.abc import AbstractChannel, AbstractExchange
from sqlalchemy import delete, select

from shared import metrics
from shared.background import Loop
from shared.data.db import Database
from shared.messaging.broker import EXCHANGE, open_channel, publish_confirmed
from shared.messaging.outbox import OutboxEvent

log = structlog.get_logger(__name__)

BATCH_SIZE = 500
POLL_SECONDS = 0.5


class OutboxRelay:
    """A relay with a connection that it keeps between batches. Several relays may run at once."""

    def __init__(self, database: Database, rabbitmq_url: str) -> None:
        self._database, self._url = database, rabbitmq_url
        self._connection = AsyncExitStack()
        self._channel: AbstractChannel | None = None

    @property
    def loop(self) -> Loop:
        return Loop(name="relay", work=self.publish_batch, interval_seconds=POLL_SECONDS)

    async def publish_batch(self) -> bool:
        """Publish the oldest messages and delete the confirmed ones. True when more are waiting."""
        channel = await self._connect()
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        return await _drain(self._database, exchange) == BATCH_SIZE

    async def close(self) -> None:
        self._channel = None
        await self._connection.aclose()

    async def _connect(self) -> AbstractChannel:
        if self._channel is None or self._channel.is_closed:
            await self.close()
            self._channel = await self._connection.enter_async_context(open_channel(self._url))
        return self._channel


async def _drain(database: Database, exchange: AbstractExchange) -> int:
    """Publish one batch, delete exactly the rows that the broker confirmed, and return their number."""
    async with database.transaction() as session:
        # Rows are drained as they become visible, not by a sequence: ids are not in the order of commits.
        oldest = select(OutboxEvent).order_by(OutboxEvent.recorded_at).limit(BATCH_SIZE)
        rows = (await session.scalars(oldest.with_for_update(skip_locked=True))).all()
        metrics.OUTBOX_PENDING.set(len(rows))
        if not rows:
            return 0
        confirmed = await _publish(rows, exchange)
        await session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(confirmed)))
    return len(confirmed)


async def _publish(rows: Sequence[OutboxEvent], exchange: AbstractExchange) -> list[UUID]:
    publishing = (publish_confirmed(exchange, row.type, row.body, message_id=str(row.id)) for row in rows)
    outcomes = await asyncio.gather(*publishing, return_exceptions=True)
    confirmed = [row for row, outcome in zip(rows, outcomes, strict=True) if outcome is None]
    for row in confirmed:
        metrics.PUBLISHED.labels(row.type).inc()
    if failures := [outcome for outcome in outcomes if outcome is not None]:
        log.warning("events_not_confirmed", events=len(failures), reason=repr(failures[0]))
    return [row.id for row in confirmed]
