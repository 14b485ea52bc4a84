from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import httpx
import pytest
from game.commands.users import erase_user
from shared.data.db import Database

type Save = Callable[..., Awaitable[str]]
type Read = Callable[..., Awaitable[dict[str, Any]]]

GOAL, STATS = "/api/v1/game/goal", "/api/v1/game/stats"


async def test_a_goal_is_reached_by_the_sentences_of_today(
    client: httpx.AsyncClient, save: Save, read: Read
) -> None:
    now = datetime.now(UTC)
    await save(now - timedelta(days=1))
    for goal, sentences_today, is_reached in ((200, 0, False), (4, 3, False), (3, 3, True)):
        response = await client.put(GOAL, json={"sentences_per_day": goal})
        assert (response.status_code, response.json()) == (200, {"sentences_per_day": goal})
        if goal == 4:
            await save(now)
        expected = {
            "sentences_per_day": goal,
            "sentences_today": sentences_today,
            "reached_today": is_reached,
        }
        assert (await read(STATS))["goal"] == expected


async def test_the_goal_of_today_follows_the_learners_local_day(save: Save, read: Read) -> None:
    async def count(tz: str) -> int:
        return int((await read(STATS, tz=tz))["goal"]["sentences_today"])

    # 28 hours apart, these zones never have the same day.
    west, east = (timezone(timedelta(hours=hours)) for hours in (-14, 14))
    await save(datetime.now(west))
    assert [await count(tz) for tz in ("-14:00", "+14:00")] == [3, 0]
    await save(datetime.now(east))
    await save(datetime.now(east))
    assert [await count(tz) for tz in ("-14:00", "+14:00")] == [6, 6]


@pytest.mark.parametrize("goal", [0, 201, -1, 1.5, "10", True, None])
async def test_a_goal_out_of_bounds_is_refused(client: httpx.AsyncClient, goal: object) -> None:
    response = await client.put(GOAL, json={"sentences_per_day": goal})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "#/sentences_per_day"


async def test_an_erased_learner_cannot_set_a_goal(
    client: httpx.AsyncClient, database: Database, learner: UUID
) -> None:
    async with database.transaction() as session:
        await erase_user(session, learner)
    assert (await client.put(GOAL, json={"sentences_per_day": 5})).status_code == 401
