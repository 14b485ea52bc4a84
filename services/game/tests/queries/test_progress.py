from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo, available_timezones

import pytest
from contracts.content import SpeechSnapshot
from game.commands.sessions import delete_session
from game.queries.progress import get_progress, list_daily_totals, list_scorers
from game.schemas.progress import DayProgress
from shared.errors import Invalid
from sqlalchemy.ext.asyncio import AsyncSession

type NewBody = Callable[..., dict[str, Any]]
type NewReceipt = Callable[..., str]
type Save = Callable[..., Awaitable[str]]


async def test_progress_uses_the_learners_local_days(
    session: AsyncSession, learner: UUID, save: Save
) -> None:
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


TOKYO, LOS_ANGELES = (timezone(timedelta(hours=hours)) for hours in (9, -8))


async def test_a_streak_continues_across_time_zones(session: AsyncSession, learner: UUID, save: Save) -> None:
    # Alternately early and late in the day: in other zones these are two days apart, or the same day.
    for day, hour in ((2, 1), (3, 23), (4, 1), (5, 23), (6, 1)):
        await save(datetime(2026, 3, day, hour, tzinfo=TOKYO))
    for tz in ("Asia/Tokyo", "America/Los_Angeles", "UTC"):
        stats = await get_progress(session, learner, tz=tz)
        assert stats.longest_streak_days == 5
        assert [day.date.day for day in await _list_days(session, learner, tz=tz)] == [2, 3, 4, 5, 6]


async def _list_days(session: AsyncSession, learner: UUID, *, tz: str) -> list[DayProgress]:
    return (await get_progress(session, learner, tz=tz)).by_day


async def test_sessions_without_an_offset_count_in_the_requested_zone(
    session: AsyncSession, learner: UUID, save: Save
) -> None:
    await save(datetime(2026, 3, 2, 23, 30, tzinfo=UTC))
    await save(datetime(2026, 3, 2, 23, 30, tzinfo=LOS_ANGELES))
    for tz, days in (("UTC", [2]), ("Asia/Tokyo", [2, 3]), ("-12:00", [2])):
        assert [day.date.day for day in await _list_days(session, learner, tz=tz)] == days


@pytest.fixture
def save_scored(
    learner: UUID, save: Save, new_body: NewBody, new_receipt: NewReceipt, catalogue: list[SpeechSnapshot]
) -> Save:
    """Saves a session with one score per scorer: `await save_scored(completed_at, {"old-1": 80.0})`."""

    async def call(completed_at: datetime, scores: dict[str, float]) -> str:
        results = new_body()["results"]
        played = zip(results, catalogue, scores.items(), strict=False)
        for result, speech, (scorer, score) in played:
            receipt = new_receipt(learner, text=speech.text, score=score, scorer=scorer)
            result |= {"receipt": receipt, "pronunciation_score": score}
        return await save(completed_at, results=results)

    return call


async def test_scorers_are_listed_in_the_order_of_first_use(
    session: AsyncSession, learner: UUID, save_scored: Save
) -> None:
    # "old-1" is used again after "new-2", as after an outage of "new-2".
    await save_scored(datetime(2026, 3, 4, 12, tzinfo=UTC), {"new-2": 60.0, "old-1": 80.0})
    await save_scored(datetime(2026, 3, 2, 12, tzinfo=UTC), {"old-1": 90.0})
    await save_scored(datetime(2026, 3, 3, 12, tzinfo=UTC), {"new-2": 70.5})
    assert [scorer.model_dump() for scorer in await list_scorers(session, learner, tz="UTC")] == [
        {
            "scorer": scorer,
            "first_used_on": date(2026, 3, first),
            "last_used_on": date(2026, 3, 4),
            "sentences": 2,
            "avg_pronunciation_score": average,
        }
        for scorer, first, average in (("old-1", 2, 85.0), ("new-2", 3, 65.25))
    ]


async def test_days_of_a_scorer_are_the_learners_local_days(
    session: AsyncSession, learner: UUID, save_scored: Save
) -> None:
    await save_scored(datetime(2026, 3, 2, 23, 30, tzinfo=UTC), {"old-1": 90.0})
    await save_scored(datetime(2026, 3, 5, 23, 30, tzinfo=LOS_ANGELES), {"old-1": 90.0})
    for tz, first in (("UTC", 2), ("Asia/Tokyo", 3)):
        (scorer,) = await list_scorers(session, learner, tz=tz)
        assert (scorer.first_used_on.day, scorer.last_used_on.day) == (first, 5)


async def test_deleted_sessions_do_not_count_as_uses_of_a_scorer(
    session: AsyncSession, learner: UUID, save_scored: Save
) -> None:
    first, _, last = [
        UUID(await save_scored(datetime(2026, 3, day, 12, tzinfo=TOKYO), {"old-1": 70.0 + day}))
        for day in (2, 3, 4)
    ]
    for session_id in (first, last):
        await delete_session(session, session_id, actor=uuid4())
    (scorer,) = await list_scorers(session, learner, tz="UTC")
    assert (scorer.first_used_on.day, scorer.last_used_on.day) == (3, 3)
    assert (scorer.sentences, scorer.avg_pronunciation_score) == (1, 73.0)


async def test_scores_without_a_scorer_are_omitted(
    session: AsyncSession, learner: UUID, save: Save, save_scored: Save
) -> None:
    await save(datetime(2026, 3, 1, tzinfo=UTC))
    assert await list_scorers(session, learner, tz="UTC") == []
    await save_scored(datetime(2026, 3, 2, tzinfo=UTC), {"old-1": 90.0})
    (scorer,) = await list_scorers(session, learner, tz="UTC")
    assert (scorer.sentences, scorer.first_used_on.day) == (1, 2)
    assert await list_scorers(session, uuid4(), tz="UTC") == []


async def test_days_in_every_zone_equal_those_of_zoneinfo(
    session: AsyncSession, learner: UUID, save: Save
) -> None:
    # Late evening or early morning in some zone, in winter and in summer.
    instants = [
        datetime(2025, month, 15, hour, 30, tzinfo=UTC) for month in (1, 7) for hour in range(0, 24, 3)
    ]
    edges = [datetime(2025, month, 15, 22, 45, tzinfo=UTC) for month in (1, 7)]
    for instant in instants + edges:
        await save(instant)
    for name in sorted(available_timezones()):
        daily = await list_daily_totals(session, learner, tz=name)
        days = Counter(instant.astimezone(ZoneInfo(name)).date() for instant in instants + edges)
        assert {day: totals.sessions for day, _, totals in daily} == days, name


async def test_a_fixed_offset_determines_the_day(session: AsyncSession, learner: UUID, save: Save) -> None:
    await save(datetime(2026, 3, 10, 21, 30, tzinfo=UTC))
    for tz, day in (("+02:00", 10), ("+03:00", 11), ("UTC+3", 11), ("Etc/GMT+3", 10)):
        ((local_day, _, _),) = await list_daily_totals(session, learner, tz=tz)
        assert local_day == date(2026, 3, day)


async def test_an_unknown_zone_is_refused(session: AsyncSession, learner: UUID) -> None:
    with pytest.raises(Invalid):
        await list_daily_totals(session, learner, tz="Mars/Olympus")
