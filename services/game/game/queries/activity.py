from datetime import date

from shared.clock import utc_now
from sqlalchemy import Date, cast, distinct, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from game.domain.activity import resolve_period
from game.domain.progress import DAY
from game.models import DailyActivity
from game.schemas.activity import ActiveLearners, ActivityFilter, ActivityOverview, DayActivity


async def get_activity_overview(session: AsyncSession, *, period: ActivityFilter) -> ActivityOverview:
    first, last = resolve_period(period.from_, period.to, today=utc_now().date())
    return ActivityOverview(
        from_=first,
        to=last,
        days=await _list_days(session, first, last),
        active_learners=await _count_active_learners(session, last),
        average_session_seconds=await _get_average_seconds(session, first, last),
    )


async def _list_days(session: AsyncSession, first: date, last: date) -> list[DayActivity]:
    series = func.generate_series(first, last, text("interval '1 day'"))
    every_day = series.table_valued("at").render_derived()
    day = cast(every_day.c.at, Date)
    figures = (DailyActivity.sessions, DailyActivity.sentences, DailyActivity.correct)
    rows = await session.execute(
        select(
            day.label("date"),
            func.count(DailyActivity.user_id).label("active_learners"),
            *(func.coalesce(func.sum(figure), 0).label(figure.key) for figure in figures),
        )
        .join_from(every_day, DailyActivity, DailyActivity.day == day, isouter=True)
        .group_by(day)
        .order_by(day)
    )
    return [DayActivity.model_validate(row) for row in rows]


async def _count_active_learners(session: AsyncSession, last: date) -> ActiveLearners:
    learners = func.count(distinct(DailyActivity.user_id))
    row = await session.execute(
        select(
            learners.filter(DailyActivity.day == last).label("daily"),
            learners.filter(DailyActivity.day > last - 7 * DAY).label("weekly"),
            learners.label("monthly"),
        ).where(DailyActivity.day.between(last - 29 * DAY, last))
    )
    return ActiveLearners.model_validate(row.one())


async def _get_average_seconds(session: AsyncSession, first: date, last: date) -> float | None:
    sums = select(func.sum(DailyActivity.seconds), func.sum(DailyActivity.sessions))
    seconds, sessions = (await session.execute(sums.where(DailyActivity.day.between(first, last)))).one()
    return round(float(seconds) / sessions, 1) if sessions else None
