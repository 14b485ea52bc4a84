"""A filter that few sessions match reads few sessions."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from game.queries.analytics import RETENTION
from game.queries.sessions import list_all_sessions
from game.schemas.sessions import AllSessionsFilter
from shared.testing import count_read_rows
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

SESSIONS = 6000
# Of the levels and modes, each is frequent except C2, and B2 is never repeated.
FILL = f"""
    INSERT INTO game_sessions (
        user_id, request_sha256, mode, level, selected_tags, duration_seconds, started_at, completed_at,
        total_sentences, correct_count, incorrect_count, skipped_count, max_streak, score_sum, scored_count
    )
    SELECT md5('u' || n % 500)::uuid, '', CASE WHEN n % 6 < 2 THEN 'listen_and_repeat' ELSE 'listen_only' END,
           CASE WHEN n % 6000 = 77 THEN 'C2' ELSE (ARRAY['A1', 'A2', 'B1', 'B2', 'C1', 'B2'])[1 + n % 6] END,
           '[]', 60, at, at, 10, 7, 2, 1, 5, 700, 10
    FROM generate_series(1, {SESSIONS}) AS n,
         LATERAL (SELECT timestamptz '2026-01-01' + n * interval '10 minutes' AS at) AS times
"""  # noqa: S608 - made of a constant
DAYS = """
    INSERT INTO daily_activity
    SELECT user_id, completed_at::date, count(*), 10, 7, 60 FROM game_sessions GROUP BY 1, 2
"""
YEAR = {"from_date": "2026-01-01", "to_date": "2026-12-31"}
RARE: dict[str, dict[str, Any]] = {
    "level": {"level": "C2"},
    "level and mode": {"level": "B2", "mode": "listen_and_repeat"},
    "rare level and mode": {"level": "C2", "mode": "listen_only"},
    "level and mode in a year": {"level": "B2", "mode": "listen_and_repeat", **YEAR},
    "level in a year": {"level": "C2", **YEAR},
    "learner": {"user_id": str(uuid4())},
    "learner and mode": {"user_id": str(uuid4()), "mode": "listen_only"},
    "days before all": {"to_date": "2025-12-30"},
    "days after all": {"from_date": "2026-06-01", "mode": "listen_only"},
}


@pytest.fixture(autouse=True)
async def _sessions(session: AsyncSession) -> None:
    for statement in (FILL, DAYS, "ANALYZE game_sessions", "ANALYZE daily_activity"):
        await session.execute(text(statement))


@pytest.mark.parametrize("filters", RARE.values(), ids=RARE)
async def test_a_selective_filter_reads_few_sessions(session: AsyncSession, filters: dict[str, Any]) -> None:
    # In a table this small, reading all rows may be cheaper.
    await session.execute(text("SET LOCAL enable_seqscan = off"))
    before = await count_read_rows(session, "game_sessions")
    page = await list_all_sessions(session, filters=AllSessionsFilter.model_validate(filters))
    assert page.pagination.total <= 1
    assert await count_read_rows(session, "game_sessions") - before <= 10


async def test_a_mode_without_sessions_reads_none_of_them(session: AsyncSession) -> None:
    await session.execute(text("DELETE FROM game_sessions WHERE mode = 'listen_and_repeat'"))
    await session.execute(text("ANALYZE game_sessions"))
    before = await count_read_rows(session, "game_sessions")
    session_filter = AllSessionsFilter(mode="listen_and_repeat")
    assert (await list_all_sessions(session, filters=session_filter)).pagination.total == 0
    assert await count_read_rows(session, "game_sessions") - before == 0


async def test_retention_groups_the_days_in_the_order_of_the_learners(session: AsyncSession) -> None:
    dates = {name: date(2026, month, 1) for month, name in enumerate(("base", "last", "until"), start=1)}
    plan = "\n".join(await session.scalars(text(f"EXPLAIN {RETENTION.text}"), dates))
    # By hash, the learners of a large system would spill to disk.
    assert "GroupAggregate" in plan
    assert "HashAggregate" not in plan
