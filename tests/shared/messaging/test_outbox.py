import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from contracts.game import SessionCompleted
from shared.data.db import Database, create_engine
from shared.messaging.outbox import OutboxEvent, record, spread_due_times
from shared.messaging.wake_up import MIN_PAUSE_SECONDS
from sqlalchemy import select, text

from tests.shared.messaging.messages import build_completed, count_waiting

CLOCK = text("SELECT clock_timestamp()")


async def test_a_rolled_back_event_is_not_published(committed_database: Database) -> None:
    async def fail() -> None:
        async with committed_database.transaction() as session:
            record(session, SessionCompleted, subject="s", data=build_completed())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await count_waiting(committed_database) == 0


async def test_messages_with_spread_due_times_become_due_one_by_one(committed_database: Database) -> None:
    async with committed_database.transaction() as session:
        ids = [record(session, SessionCompleted, subject="s", data=build_completed()).id for _ in range(3)]
        before = await session.scalar(CLOCK)
        await spread_due_times(session, ids[::-1], interval=timedelta(seconds=10))
    async with committed_database.transaction() as session:
        due = await session.execute(select(OutboxEvent.id, OutboxEvent.due_at))
    rows = sorted(due, key=lambda row: row.due_at)
    assert [row.id for row in rows] == ids[::-1]
    for position, row in enumerate(rows, 1):
        assert 0 <= (row.due_at - before).total_seconds() - 10 * position < 5


async def test_a_closed_database_wakes_no_relay(database_url: str, committed_database: Database) -> None:
    name = uuid4().hex
    database = Database(create_engine(database_url, name=name))
    for _ in range(2):
        async with database.transaction() as session:
            record(session, SessionCompleted, subject="s", data=build_completed())
    await database.close()
    await asyncio.sleep(2 * MIN_PAUSE_SECONDS)
    async with committed_database.transaction() as session:
        query = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
        assert await session.scalar(query, {"name": name}) == 0
