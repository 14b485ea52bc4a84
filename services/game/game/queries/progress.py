"""The progress of a learner."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

import asyncpg
from sqlalchemy import Date, cast, func, literal, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from game.domain.progress import DAY, DAYS_SHOWN, Tally, streaks, totals, zone_of
from game.errors import unknown_zone
from game.models import GameSession
from game.schemas.progress import DayStats, LevelStats, Stats


async def stats_of(session: AsyncSession, learner: UUID, *, tz: str) -> Stats:
    """A learner's progress by days of a time zone. Raises Invalid if there is no such zone."""
    today = datetime.now(zone_of(tz)).date()
    tallies = await tallies_of(session, learner, tz)
    by_day = totals((day, tally) for day, _, tally in tallies)
    by_level = totals((level, tally) for _, level, tally in tallies)
    current, longest = streaks(by_day, today=today)
    return Stats.model_validate(
        {
            "current_streak_days": current,
            "longest_streak_days": longest,
            **_figures(sum(by_day.values(), Tally())),
            "by_day": _days(by_day, after=today - DAYS_SHOWN * DAY),
            "by_level": _levels(by_level),
        }
    )


async def tallies_of(session: AsyncSession, learner: UUID, tz: str) -> list[tuple[date, str, Tally]]:
    """What was done on each local day at each level."""
    day = cast(func.timezone(literal(tz), GameSession.completed_at), Date)
    sums = (
        func.count(),
        func.sum(GameSession.total_sentences),
        func.sum(GameSession.correct_count),
        func.sum(GameSession.score_sum),
        func.sum(GameSession.scored_count),
    )
    tallied = select(day, GameSession.level, *sums).where(GameSession.user_id == learner)
    try:
        rows = (await session.execute(tallied.group_by(day, GameSession.level))).all()
    except DBAPIError as error:
        # Python's list of time zones may be newer than the one of PostgreSQL.
        if isinstance(error.orig and error.orig.__cause__, asyncpg.InvalidParameterValueError):
            raise unknown_zone() from error
        raise
    return [(row[0], row[1], Tally(*row[2:])) for row in rows]


def _days(by_day: Mapping[date, Tally], *, after: date) -> list[DayStats]:
    return [
        DayStats(date=day, sessions=tally.sessions, sentences=tally.sentences, correct=tally.correct)
        for day, tally in sorted(by_day.items())
        if day > after
    ]


def _levels(by_level: Mapping[str, Tally]) -> list[LevelStats]:
    return [
        LevelStats.model_validate({"level": level, **_figures(tally)})
        for level, tally in sorted(by_level.items())
    ]


def _figures(tally: Tally) -> dict[str, float | None]:
    return {
        "sessions": tally.sessions,
        "sentences": tally.sentences,
        "correct_rate": tally.correct_rate,
        "avg_pronunciation_score": tally.avg_pronunciation_score,
    }
