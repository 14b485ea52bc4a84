"""The activity of all learners, for those who run the product."""

from datetime import UTC, date, datetime

from shared.errors import invalid
from sqlalchemy import Date, cast, distinct, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from game.domain.progress import DAY
from game.models import DailyActivity
from game.schemas.activity import ActiveLearners, ActivityFilter, ActivityOverview, DayActivity

DEFAULT_DAYS = 30
MAX_DAYS = 366


async def get_activity_overview(session: AsyncSession, *, period: ActivityFilter) -> ActivityOverview:
    """Activity by UTC day. Raises Invalid for a period that ends before it starts, or is over a year long."""
    to = period.to or datetime.now(UTC).date()
    start = period.from_ or to - (DEFAULT_DAYS - 1) * DAY
    if start > to:
        raise invalid("#/query/from", "must not be after to")
    if to - start >= MAX_DAYS * DAY:
        raise invalid("#/query/from", f"must be at most {MAX_DAYS} days up to to")
    return ActivityOverview(
        from_=start,
        to=to,
        days=await _days(session, start, to),
        active_learners=await _active_learners(session, to),
        average_session_seconds=await _average_seconds(session, start, to),
    )


async def _days(session: AsyncSession, start: date, to: date) -> list[DayActivity]:
    series = func.generate_series(start, to, text("interval '1 day'"))
    every_day = series.table_valued("at").render_derived()
    day = cast(every_day.c.at, Date)
    rows = await session.execute(
        select(
            day.label("date"),
            func.count(DailyActivity.user_id).label("active_learners"),
            *(
                func.coalesce(func.sum(figure), 0).label(figure.key)
                for figure in (DailyActivity.sessions, DailyActivity.sentences, DailyActivity.correct)
            ),
        )
        .join_from(every_day, DailyActivity, DailyActivity.day == day, isouter=True)
        .group_by(day)
        .order_by(day)
    )
    return [DayActivity.model_validate(row) for row in rows]


async def _active_learners(session: AsyncSession, to: date) -> ActiveLearners:
    learners = func.count(distinct(DailyActivity.user_id))
    row = await session.execute(
        select(
            learners.filter(DailyActivity.day == to).label("daily"),
            learners.filter(DailyActivity.day > to - 7 * DAY).label("weekly"),
            learners.label("monthly"),
        ).where(DailyActivity.day.between(to - 29 * DAY, to))
    )
    return ActiveLearners.model_validate(row.one())


async def _average_seconds(session: AsyncSession, start: date, to: date) -> float | None:
    sums = select(func.sum(DailyActivity.seconds), func.sum(DailyActivity.sessions))
    seconds, sessions = (await session.execute(sums.where(DailyActivity.day.between(start, to)))).one()
    return round(float(seconds) / sessions, 1) if sessions else None
