"""Outbox metrics, read from the table at each collection."""

import asyncio

import structlog
from sqlalchemy import func, select, true

from shared import metrics
from shared.data.db import Database
from shared.errors import Unavailable
from shared.messaging.outbox import OutboxEvent

log = structlog.get_logger(__name__)

MAX_COUNTED = 1_000_000
TIMEOUT_SECONDS = 2.0
UNKNOWN = float("nan")


class OutboxMetrics:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def update(self) -> None:
        """Set the gauges. They are NaN while the database does not respond."""
        pending, oldest, parked = UNKNOWN, UNKNOWN, UNKNOWN
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                pending, oldest, parked = await self._read()
        except (Unavailable, TimeoutError) as error:
            log.warning("outbox_not_counted", reason=type(error).__name__)
        metrics.OUTBOX_PENDING.set(pending)
        metrics.OUTBOX_OLDEST.set(oldest)
        metrics.OUTBOX_PARKED.set(parked)

    async def _read(self) -> tuple[int, float, int]:
        waits = OutboxEvent.due_at.is_not(None)
        counted = select(true()).where(waits).limit(MAX_COUNTED).subquery()
        pending = select(func.count()).select_from(counted).scalar_subquery()
        # This index scan stops at the first row: the table may be large while RabbitMQ is down.
        first = select(OutboxEvent.recorded_at).where(waits).order_by(OutboxEvent.recorded_at).limit(1)
        oldest = func.extract("epoch", func.clock_timestamp() - first.scalar_subquery())
        parked = select(func.count()).where(OutboxEvent.due_at.is_(None)).scalar_subquery()
        async with self._database.transaction() as session:
            row = (await session.execute(select(pending, oldest, parked))).one()
        return row[0], float(row[1] or 0), row[2]
