from datetime import date, datetime, tzinfo

from shared.clock import utc_now
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    SQLColumnExpression,
    cast,
    func,
    literal,
)
from sqlalchemy.sql.elements import Grouping

from game.domain.time_zones import list_offsets
from game.models import GameSession


def select_day(
    zone: tzinfo,
    instant: SQLColumnExpression[datetime] = GameSession.completed_at,
    utc_offset_minutes: SQLColumnExpression[int | None] = GameSession.utc_offset_minutes,
) -> ColumnElement[date]:
    """Select the learner's local day of an instant, or the day in the zone if its offset is unknown."""
    offsets = list_offsets(zone, until_year=utc_now().year + 2)
    # Parentheses, as PostgreSQL needs them before a subscript.
    seconds = Grouping(literal(offsets.seconds, ARRAY(Integer)))
    period = func.width_bucket(instant, literal(offsets.changes, ARRAY(DateTime(timezone=True))))
    offset = func.coalesce(utc_offset_minutes * 60, seconds[period + 1])
    wall_time = func.timezone("UTC", instant) + func.make_interval(0, 0, 0, 0, 0, 0, offset)
    return cast(wall_time, Date)
