from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

type NewBody = Callable[..., dict[str, Any]]
type NewReceipt = Callable[..., str]
type Save = Callable[..., Awaitable[str]]
type Read = Callable[..., Awaitable[dict[str, Any]]]
type Refused = Callable[..., Awaitable[str]]

STATS = "/api/v1/game/stats"


async def test_progress_without_sessions_is_empty(read: Read) -> None:
    assert await read(STATS) == {
        "current_streak_days": 0,
        "longest_streak_days": 0,
        "sessions": 0,
        "sentences": 0,
        "correct_rate": None,
        "avg_pronunciation_score": None,
        "by_day": [],
        "by_level": [],
        "goal": {"sentences_per_day": 10, "sentences_today": 0, "reached_today": False},
        "freezes": {"available": 0, "next_in_days": 7, "used": []},
        "by_tag": [],
        "hardest_sentences": [],
        "weakest_phonemes": [],
        "scorers": [],
    }


async def test_a_session_saved_late_returns_the_freeze_of_its_day(save: Save, read: Read) -> None:
    now = datetime.now(UTC)
    for ago in (0, *range(2, 9)):
        await save(now - timedelta(days=ago))
    missed = now - timedelta(days=1)
    stats = await read(STATS)
    assert stats["current_streak_days"] == 8
    assert stats["freezes"] == {"available": 0, "next_in_days": 6, "used": [missed.date().isoformat()]}
    await save(missed)
    stats = await read(STATS)
    assert stats["current_streak_days"] == 9
    assert stats["freezes"] == {"available": 1, "next_in_days": 5, "used": []}


async def test_progress_sums_sessions_per_day_and_level(save: Save, read: Read) -> None:
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
    assert stats["scorers"] == []
    tag = {"id": str(UUID(int=1)), "name": "greetings"}
    assert stats["by_tag"] == [{"tag": tag, "sessions": 4, "sentences": 12, **figures}]


async def test_progress_lists_scorers_with_local_days(
    learner: UUID, save: Save, new_body: NewBody, new_receipt: NewReceipt, read: Read
) -> None:
    results = new_body()["results"]
    results[0]["receipt"] = new_receipt(learner, text="Good morning.", score=90.0, scorer="old-1")
    await save(datetime(2026, 3, 10, 23, 30, tzinfo=UTC), results=results)
    (scorer,) = (await read(STATS, tz="Europe/Berlin"))["scorers"]
    days = {"first_used_on": "2026-03-11", "last_used_on": "2026-03-11"}
    assert scorer == {"scorer": "old-1", **days, "sentences": 1, "avg_pronunciation_score": 90.0}


@pytest.mark.parametrize("tz", ["", "Mars/Olympus", "Europe/Berlin;--", "x" * 65, "\0"])
async def test_an_invalid_time_zone_is_refused(tz: str, refused: Refused) -> None:
    assert await refused(STATS, tz=tz) == "#/query/tz"


async def test_an_unescaped_plus_sign_in_an_offset_is_accepted(save: Save, client: httpx.AsyncClient) -> None:
    await save(datetime(2026, 3, 10, 21, 30, tzinfo=UTC))
    for query in ("tz=+03:00", "tz=%2B03:00", "tz=UTC+3", "tz=UTC%2B3"):
        (day,) = (await client.get(f"{STATS}?{query}")).json()["by_day"]
        assert day["date"] == "2026-03-11"
