from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from game.queries.progress import get_progress, list_daily_totals
from shared.data.db import Database
from shared.errors import Invalid
from sqlalchemy.ext.asyncio import AsyncSession

type Save = Callable[..., Awaitable[str]]

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


async def test_days_are_the_learners_own(session: AsyncSession, learner: UUID, save: Save) -> None:
    # Berlin's clocks went forward on 29 March 2026: midnight is at 23:00 UTC before it, at 22:00 after it.
    for completed_at in ("2026-03-28T22:59", "2026-03-28T23:00", "2026-03-29T21:59", "2026-03-29T22:00"):
        await save(datetime.fromisoformat(f"{completed_at}:00+00:00"), level="B1")
    daily = await list_daily_totals(session, learner, tz="Europe/Berlin")
    assert sorted((day, totals.sessions) for day, _, totals in daily) == [
        (date(2026, 3, 28), 1),
        (date(2026, 3, 29), 2),
        (date(2026, 3, 30), 1),
    ]
    stats = await get_progress(session, learner, tz="Europe/Berlin")
    assert stats.longest_streak_days == 3


async def test_a_zone_that_postgresql_does_not_know(database: Database, learner: UUID, save: Save) -> None:
    await save(NOON)
    with pytest.raises(Invalid):
        async with database.transaction() as session:
            await list_daily_totals(session, learner, tz="Mars/Olympus")
