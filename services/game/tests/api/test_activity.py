from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from game.models import DailyActivity
from shared.data.db import Database
from shared.testing import TokenFor, api_client

type Read = Callable[..., Awaitable[dict[str, Any]]]
type Refused = Callable[..., Awaitable[str]]

OVERVIEW = "/api/v1/admin/analytics/overview"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


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
    async with api_client(app, token=token_for(uuid4(), role="editor")) as editor:
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
    async with api_client(app, token=token_for(uuid4(), role="editor")) as editor:
        assert await refused(OVERVIEW, by=editor, **params) == f"#/query/{name}"


async def test_learners_see_no_overview(client: httpx.AsyncClient) -> None:
    assert (await client.get(OVERVIEW)).status_code == 403
