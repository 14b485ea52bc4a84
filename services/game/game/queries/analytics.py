"""Read the activity of all learners."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from shared.clock import utc_now
from sqlalchemy import Date, Numeric, bindparam, case, cast, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from game.domain.analytics import DAY, LEVELS, WEEK, compute_rate, get_monday, resolve_period
from game.domain.sessions import compute_average_score
from game.domain.time_zones import parse_time_zone
from game.models import (
    DailyActivity,
    DailyLevel,
    DailyPhoneme,
    DailyRegistrations,
    DailyScore,
    DailyTag,
    DailyTagScore,
    ScoreSums,
)
from game.queries.speeches import list_tag_names
from game.schemas.analytics import (
    ActiveLearners,
    ActivityFilter,
    ActivityOverview,
    Cohort,
    DayActivity,
    LevelActivity,
    PhonemeActivity,
    RetentionRead,
    ScoreDistribution,
    ScorerAverage,
    TagActivity,
)

MAX_TAGS = 50
MAX_PHONEMES, MIN_PHONEME_SCORES = 10, 30
MAX_WEEKS_AFTER = 8
BUCKETS = range(10)
SUMS = ("sessions", "sentences", "answered", "correct")


def _resolve(period: ActivityFilter) -> tuple[date, date]:
    today = utc_now().astimezone(parse_time_zone(period.tz)).date()
    return resolve_period(period.from_, period.to, today=today)


async def get_activity_overview(session: AsyncSession, *, period: ActivityFilter) -> ActivityOverview:
    first, last = _resolve(period)
    days = await _list_days(session, first, last)
    seconds, sessions = sum(day.seconds for day in days), sum(day.sessions for day in days)
    return ActivityOverview(
        from_=first,
        to=last,
        days=days,
        active_learners=await _count_active_learners(session, last),
        registrations=sum(day.registrations for day in days),
        average_session_seconds=round(seconds / sessions, 1) if sessions else None,
        scores=await _list_distributions(session, first, last),
        levels=await _list_levels(session, first, last),
        tags=await _list_tags(session, first, last),
        hardest_phonemes=await _list_hardest_phonemes(session, first, last),
    )


async def _list_days(session: AsyncSession, first: date, last: date) -> list[DayActivity]:
    series = func.generate_series(first, last, text("interval '1 day'"))
    every_day = series.table_valued("at").render_derived()
    day = cast(every_day.c.at, Date)
    learners = _count_learners(first, last)
    figures = ("sessions", "sentences", "correct", "seconds")
    sums = [func.sum(getattr(DailyLevel, name)).label(name) for name in figures]
    played = (
        select(DailyLevel.day, *sums)
        .where(DailyLevel.day.between(first, last))
        .group_by(DailyLevel.day)
        .subquery()
    )
    columns = [learners.c.active_learners, DailyRegistrations.registrations, *(played.c[f] for f in figures)]
    rows = await session.execute(
        select(day.label("date"), *(func.coalesce(figure, 0).label(figure.name) for figure in columns))
        .select_from(every_day)
        .join(learners, learners.c.day == day, isouter=True)
        .join(played, played.c.day == day, isouter=True)
        .join(DailyRegistrations, DailyRegistrations.day == day, isouter=True)
        .order_by(day)
    )
    return [DayActivity.model_validate(row) for row in rows]


def _count_learners(first: date, last: date) -> Any:
    # An index-only scan. A row without sessions exists only until the event of an immediately deleted session
    # is processed.
    count = func.count().label("active_learners")
    in_period = DailyActivity.day.between(first, last)
    return select(DailyActivity.day, count).where(in_period).group_by(DailyActivity.day).subquery()


async def _count_active_learners(session: AsyncSession, last: date) -> ActiveLearners:
    newest = func.max(DailyActivity.day).label("newest")
    in_month = DailyActivity.day.between(last - 29 * DAY, last)
    # Counting distinct learners three times would sort the rows three times.
    learners = select(newest).where(in_month).group_by(DailyActivity.user_id).subquery()
    row = await session.execute(
        select(
            func.count().filter(learners.c.newest == last).label("daily"),
            func.count().filter(learners.c.newest > last - 7 * DAY).label("weekly"),
            func.count().label("monthly"),
        ).select_from(learners)
    )
    return ActiveLearners.model_validate(row.one())


async def _list_distributions(session: AsyncSession, first: date, last: date) -> list[ScoreDistribution]:
    buckets = [
        func.coalesce(func.sum(case((DailyScore.bucket == bucket, DailyScore.scores), else_=0)), 0)
        for bucket in BUCKETS
    ]
    rows = await session.execute(
        select(DailyScore.scorer, func.sum(DailyScore.scores), func.sum(DailyScore.score_sum), *buckets)
        .where(DailyScore.day.between(first, last))
        .group_by(DailyScore.scorer)
        .having(func.sum(DailyScore.scores) > 0)
        .order_by(func.sum(DailyScore.scores).desc(), DailyScore.scorer)
    )
    return [
        ScoreDistribution(**_to_average(scorer, scores, total), distribution=counts)
        for scorer, scores, total, *counts in rows
    ]


def _to_average(scorer: str, scores: int, score_sum: float) -> dict[str, Any]:
    average = compute_average_score(score_sum, int(scores))
    return {"scorer": scorer or None, "scores": scores, "average": average}


async def _list_averages(
    session: AsyncSession, table: type[ScoreSums], key: InstrumentedAttribute[Any], *conditions: Any
) -> Mapping[Any, list[ScorerAverage]]:
    """Return the averages of each scorer, by the key."""
    scores = func.sum(table.scores)
    rows = await session.execute(
        select(key, table.scorer, scores, func.sum(table.score_sum))
        .where(*conditions)
        .group_by(key, table.scorer)
        .having(scores > 0)
        .order_by(key, scores.desc(), table.scorer)
    )
    averages: dict[Any, list[ScorerAverage]] = defaultdict(list)
    for value, *figures in rows:
        averages[value].append(ScorerAverage(**_to_average(*figures)))
    return averages


async def _list_levels(session: AsyncSession, first: date, last: date) -> list[LevelActivity]:
    sums = [func.sum(getattr(DailyLevel, name)) for name in SUMS]
    in_period = DailyLevel.day.between(first, last)
    rows = await session.execute(
        select(DailyLevel.level, *sums).where(in_period).group_by(DailyLevel.level).having(sums[0] > 0)
    )
    averages = await _list_averages(
        session, DailyScore, DailyScore.level, DailyScore.day.between(first, last)
    )
    levels = {row[0]: row[1:] for row in rows}
    return [
        LevelActivity.model_validate(
            {"level": level, **_to_figures(*levels[level]), "scores": averages[level]}
        )
        for level in LEVELS
        if level in levels
    ]


def _to_figures(sessions: int, sentences: int, answered: int, correct: int) -> dict[str, Any]:
    rate = compute_rate(int(correct), int(answered))
    return {"sessions": sessions, "sentences": sentences, "correct_rate": rate}


async def _list_tags(session: AsyncSession, first: date, last: date) -> list[TagActivity]:
    sums = [func.sum(getattr(DailyTag, name)) for name in SUMS]
    most_used = (
        select(DailyTag.tag_id, *sums)
        .where(DailyTag.day.between(first, last))
        .group_by(DailyTag.tag_id)
        .having(sums[0] > 0)
        .order_by(sums[0].desc(), DailyTag.tag_id)
        .limit(MAX_TAGS)
    )
    tags: dict[UUID, Any] = {row[0]: row[1:] for row in await session.execute(most_used)}
    names = await list_tag_names(session, tags)
    of_tags = DailyTagScore.day.between(first, last), DailyTagScore.tag_id.in_(tags)
    averages = await _list_averages(session, DailyTagScore, DailyTagScore.tag_id, *of_tags)
    return [
        TagActivity(id=tag_id, name=names.get(tag_id), **_to_figures(*figures), scores=averages[tag_id])
        for tag_id, figures in tags.items()
    ]


async def _list_hardest_phonemes(session: AsyncSession, first: date, last: date) -> list[PhonemeActivity]:
    scores = func.sum(DailyPhoneme.scores)
    average = func.sum(DailyPhoneme.score_sum) / func.nullif(scores, 0)
    rank = func.row_number().over(partition_by=DailyPhoneme.scorer, order_by=(average, DailyPhoneme.symbol))
    ranked = (
        select(
            DailyPhoneme.symbol,
            DailyPhoneme.scorer,
            scores.label("scores"),
            func.round(cast(average, Numeric), 2).label("average"),
            rank.label("place"),
        )
        .where(DailyPhoneme.day.between(first, last))
        .group_by(DailyPhoneme.scorer, DailyPhoneme.symbol)
        .having(scores >= MIN_PHONEME_SCORES)
        .subquery()
    )
    hardest = select(ranked).where(ranked.c.place <= MAX_PHONEMES).order_by(ranked.c.scorer, ranked.c.place)
    return [PhonemeActivity.model_validate(row) for row in await session.execute(hardest)]


# Each learner's weeks are the bits of one number, so that one pass over the learners' days is enough. A
# year of cohorts and the weeks after it have less than 63 bits. The pass follows the primary key: hashing the
# learners of a million days would spill to disk and take more than twice the time.
_RETURNED = ", ".join(
    f"count(*) FILTER (WHERE weeks >> cohort + {weeks} & 1 = 1)" for weeks in range(1, MAX_WEEKS_AFTER + 1)
)
RETENTION = text(f"""
    SELECT cohort, count(*) AS learners, {_RETURNED}
    FROM (
        SELECT (min(day) - :base) / 7 AS cohort,
               bit_or(CASE WHEN day < :base THEN 0 ELSE CAST(1 AS bigint) << (day - :base) / 7 END) AS weeks
        FROM (SELECT user_id, day FROM daily_activity WHERE day < :until ORDER BY user_id, day) AS days
        GROUP BY user_id HAVING min(day) BETWEEN :base AND :last
    ) AS learners
    GROUP BY cohort ORDER BY cohort
""").bindparams(*(bindparam(name, type_=Date) for name in ("base", "last", "until")))  # noqa: S608 - numbers


async def get_retention(session: AsyncSession, *, period: ActivityFilter) -> RetentionRead:
    first, last = _resolve(period)
    base, this_week = get_monday(first + 6 * DAY), get_monday(utc_now().date())
    end = get_monday(last) + 6 * DAY
    until = end + MAX_WEEKS_AFTER * WEEK + DAY
    rows = await session.execute(RETENTION, {"base": base, "last": end, "until": until})
    return RetentionRead(
        from_=first,
        to=last,
        cohorts=[
            _to_cohort(base + number * WEEK, learners, returned, this_week)
            for number, learners, *returned in rows
        ],
    )


def _to_cohort(week: date, learners: int, returned: list[int], this_week: date) -> Cohort:
    started = max(0, (this_week - week).days // 7)
    return Cohort(week=week, learners=learners, returned=returned[:started])
