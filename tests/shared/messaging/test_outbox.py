import asyncio
from uuid import uuid4

import pytest
from contracts.game import SessionCompleted
from shared.data.db import Database, create_engine
from shared.messaging.outbox import record
from shared.messaging.wake_up import MIN_PAUSE_SECONDS
from sqlalchemy import text

from tests.shared.messaging.messages import completed, waiting


async def test_what_was_rolled_back_never_happened(committed_database: Database) -> None:
    async def fails() -> None:
        async with committed_database.transaction() as session:
            record(session, SessionCompleted, subject="s", data=completed())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    assert await waiting(committed_database) == 0


async def test_a_closed_database_wakes_no_relay(database_url: str, committed_database: Database) -> None:
    name = uuid4().hex
    database = Database(create_engine(database_url, name=name))
    for _ in range(2):
        async with database.transaction() as session:
            record(session, SessionCompleted, subject="s", data=completed())
    await database.close()
    await asyncio.sleep(2 * MIN_PAUSE_SECONDS)
    async with committed_database.transaction() as session:
        own = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
        assert await session.scalar(own, {"name": name}) == 0
