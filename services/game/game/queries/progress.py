from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from shared.clock import utc_now
from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from game.domain.clock import UNKNOWN_OFFSET
from game.domain.progress import (
    DAY,
    DEFAULT_SENTENCES_PER_DAY,
    MAX_DAYS_SHOWN,
    Streaks,
    Totals,
    compute_streaks,
    find_latest_day,
    sum_by_key,
)
from game.domain.sessions import compute_average_score
from game.domain.time_zones import parse_time_zone
from game.models import GameSession, PractisedScorer
from game.queries.goals import find_sentences_per_day
from game.queries.practice import get_practice
from game.queries.time_zones import select_day
from game.schemas.progress import (
    DayProgress,
    FreezesRead,
    GoalProgress,
    LevelProgress,
    ProgressRead,
    ScorerProgress,
)


async def get_progress(session: AsyncSession, user_id: UUID, *, tz: str) -> ProgressRead:
    today = utc_now().astimezone(parse_time_zone(tz)).date()
    daily = await list_daily_totals(session, user_id, tz=tz)
    by_day = sum_by_key((day, totals) for day, _, totals in daily)
    by_level = sum_by_key((level, totals) for _, level, totals in daily)
    streaks, shown_after = compute_streaks(by_day, today=today), today - MAX_DAYS_SHOWN * DAY
    return ProgressRead.model_validate(
        {
            "current_streak_days": streaks.current,
            "longest_streak_days": streaks.longest,
            "goal": await _get_goal(session, user_id, by_day, today=today),
            "freezes": _to_freezes(streaks, after=shown_after),
            **_to_figures(sum(by_day.values(), Totals())),
            "by_day": _to_days(by_day, after=shown_after),
            "by_level": _to_levels(by_level),
            "scorers": await list_scorers(session, user_id, tz=tz),
            **(await get_practice(session, user_id)).model_dump(),
        }
    )


async def list_daily_totals(
    session: AsyncSession, user_id: UUID, *, tz: str
) -> list[tuple[date, str, Totals]]:
    day = select_day(parse_time_zone(tz))
    sums = (
        func.count(),
        func.sum(GameSession.total_sentences),
        func.sum(GameSession.correct_count),
        func.sum(GameSession.score_sum),
        func.sum(GameSession.scored_count),
    )
    grouped = (
        select(day, GameSession.level, *sums)
        .where(GameSession.user_id == user_id)
        .group_by(literal_column("1"), GameSession.level)
    )
    rows = (await session.execute(grouped)).all()
    return [(row[0], row[1], Totals(*row[2:])) for row in rows]


async def list_scorers(session: AsyncSession, user_id: UUID, *, tz: str) -> list[ScorerProgress]:
    """Return the scorers of verified scores, in the order of first use."""
    zone, offset = parse_time_zone(tz), func.nullif(PractisedScorer.utc_offset_minutes, UNKNOWN_OFFSET)
    first = func.min(select_day(zone, PractisedScorer.first_used_at, offset)).label("first_used_on")
    last = func.max(select_day(zone, PractisedScorer.last_used_at, offset)).label("last_used_on")
    sums = (
        func.sum(PractisedScorer.scores).label("sentences"),
        func.sum(PractisedScorer.score_sum).label("score_sum"),
    )
    grouped = (
        select(PractisedScorer.scorer, first, last, *sums)
        .where(PractisedScorer.user_id == user_id)
        .group_by(PractisedScorer.scorer)
        .order_by(first, func.min(PractisedScorer.first_used_at), PractisedScorer.scorer)
    )
    return [
        ScorerProgress.model_validate({**row, "avg_pronunciation_score": _compute_average(row)})
        for row in (await session.execute(grouped)).mappings()
    ]


def _compute_average(row: Mapping[Any, Any]) -> float | None:
    return compute_average_score(row["score_sum"], row["sentences"])


def _to_days(by_day: Mapping[date, Totals], *, after: date) -> list[DayProgress]:
    return [
        DayProgress(date=day, sessions=totals.sessions, sentences=totals.sentences, correct=totals.correct)
        for day, totals in sorted(by_day.items())
        if day > after
    ]


async def _get_goal(
    session: AsyncSession, user_id: UUID, by_day: Mapping[date, Totals], *, today: date
) -> GoalProgress:
    goal = await find_sentences_per_day(session, user_id) or DEFAULT_SENTENCES_PER_DAY
    sentences_today = by_day.get(find_latest_day(by_day, today=today), Totals()).sentences
    return GoalProgress(
        sentences_per_day=goal, sentences_today=sentences_today, reached_today=sentences_today >= goal
    )


def _to_freezes(streaks: Streaks, *, after: date) -> FreezesRead:
    return FreezesRead(
        available=streaks.freezes,
        next_in_days=streaks.days_to_next_freeze,
        used=[day for day in streaks.freezes_used if day > after],
    )


def _to_levels(by_level: Mapping[str, Totals]) -> list[LevelProgress]:
    return [
        LevelProgress.model_validate({"level": level, **_to_figures(totals)})
        for level, totals in sorted(by_level.items())
    ]


def _to_figures(totals: Totals) -> dict[str, float | None]:
    return {
        "sessions": totals.sessions,
        "sentences": totals.sentences,
        "correct_rate": totals.correct_rate,
        "avg_pronunciation_score": totals.avg_pronunciation_score,
    }
