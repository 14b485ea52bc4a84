from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from game.models import DailyActivity
from game.queries import stats_of
from game.queries.stats import tallies_of
from shared.data.db import Database
from shared.errors import Invalid
from shared.testing import TokenFor, client_of
from sqlalchemy.ext.asyncio import AsyncSession

type Save = Callable[..., Awaitable[str]]
type Read = Callable[..., Awaitable[dict[str, Any]]]
type Refused = Callable[..., Awaitable[str]]

SESSIONS, STATS, OVERVIEW = "/api/v1/game/sessions", "/api/v1/game/stats", "/api/v1/admin/analytics/overview"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


async def test_no_sessions_are_no_progress(read: Read) -> None:
    assert await read(STATS) == {
        "current_streak_days": 0,
        "longest_streak_days": 0,
        "sessions": 0,
        "sentences": 0,
        "correct_rate": None,
        "avg_pronunciation_score": None,
        "by_day": [],
        "by_level": [],
    }


async def test_progress(save: Save, read: Read) -> None:
    now = datetime.now(UTC)
    await save(now, level="B2")
    await save(now - timedelta(days=1))
    await save(now - timedelta(days=1))
    await save(now - timedelta(days=400))
    stats = await read(STATS)
    assert (stats["current_streak_days"], stats["longest_streak_days"]) == (2, 2)
    assert (stats["sessions"], stats["sentences"]) == (4, 12)
    assert (stats["correct_rate"], stats["avg_pronunciation_score"]) == (0.6667, 85.25)
    days = [(now - timedelta(days=ago)).date().isoformat() for ago in (1, 0)]
    assert stats["by_day"] == [
        {"date": days[0], "sessions": 2, "sentences": 6, "correct": 4},
        {"date": days[1], "sessions": 1, "sentences": 3, "correct": 2},
    ]
    figures = {"correct_rate": 0.6667, "avg_pronunciation_score": 85.25}
    assert stats["by_level"] == [
        {"level": "A1", "sessions": 3, "sentences": 9, **figures},
        {"level": "B2", "sessions": 1, "sentences": 3, **figures},
    ]


async def test_days_are_the_learners_own(session: AsyncSession, learner: UUID, save: Save) -> None:
    # Berlin's clocks went forward on 29 March 2026: midnight is at 23:00 UTC before it, at 22:00 after it.
    for completed_at in ("2026-03-28T22:59", "2026-03-28T23:00", "2026-03-29T21:59", "2026-03-29T22:00"):
        await save(datetime.fromisoformat(f"{completed_at}:00+00:00"), level="B1")
    tallies = await tallies_of(session, learner, "Europe/Berlin")
    assert sorted((day, tally.sessions) for day, _, tally in tallies) == [
        (date(2026, 3, 28), 1),
        (date(2026, 3, 29), 2),
        (date(2026, 3, 30), 1),
    ]
    stats = await stats_of(session, learner, tz="Europe/Berlin")
    assert stats.longest_streak_days == 3


async def test_a_zone_that_postgresql_does_not_know(database: Database, learner: UUID, save: Save) -> None:
    await save(NOON)
    with pytest.raises(Invalid):
        async with database.transaction() as session:
            await tallies_of(session, learner, "Mars/Olympus")


@pytest.mark.parametrize("tz", ["", "Mars/Olympus", "Europe/Berlin;--", "x" * 65, "\0"])
async def test_bad_zones(tz: str, refused: Refused) -> None:
    assert await refused(STATS, tz=tz) == "#/query/tz"


@pytest.fixture
async def activity(database: Database) -> list[UUID]:
    """Three learners: on the last day, in the last week, in the last month."""
    learners = [uuid4() for _ in range(3)]
    async with database.transaction() as session:
        for learner, ago in zip(learners * 2, (0, 6, 29, 1, 40, 41), strict=True):
            session.add(
                DailyActivity(
                    user_id=learner,
                    day=NOON.date() - timedelta(days=ago),
                    sessions=2,
                    sentences=10,
                    correct=7,
                    seconds=301,
                )
            )
    return learners


async def test_the_overview(app: FastAPI, token_for: TokenFor, activity: list[UUID], read: Read) -> None:
    async with client_of(app, token=token_for(uuid4(), role="editor")) as editor:
        overview = await read(OVERVIEW, by=editor, **{"to": "2026-03-10"})
        assert (overview["from"], overview["to"]) == ("2026-02-09", "2026-03-10")
        assert len(overview["days"]) == 30
        figures = {"active_learners": 1, "sessions": 2, "sentences": 10, "correct": 7}
        assert overview["days"][-1] == {"date": "2026-03-10", **figures}
        assert overview["days"][-3] == {"date": "2026-03-08", **dict.fromkeys(figures, 0)}
        assert overview["active_learners"] == {"daily": 1, "weekly": 2, "monthly": 3}
        assert overview["average_session_seconds"] == 150.5
        nothing = await read(OVERVIEW, by=editor, **{"from": "2020-01-01", "to": "2020-01-02"})
        assert [day["sessions"] for day in nothing["days"]] == [0, 0]
        assert nothing["average_session_seconds"] is None


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, "from"),
        ({"from": "2024-01-01", "to": "2026-03-01"}, "from"),
        ({"from": "x"}, "from"),
        ({"to": "12"}, "to"),
    ],
)
async def test_bad_periods(
    app: FastAPI, token_for: TokenFor, params: dict[str, str], name: str, refused: Refused
) -> None:
    async with client_of(app, token=token_for(uuid4(), role="editor")) as editor:
        assert await refused(OVERVIEW, by=editor, **params) == f"#/query/{name}"


async def test_learners_see_no_overview(client: httpx.AsyncClient) -> None:
    assert (await client.get(OVERVIEW)).status_code == 403
