from datetime import date, tzinfo

from shared.clock import utc_now
from sqlalchemy import ARRAY, ColumnElement, Date, DateTime, Integer, cast, func, literal
from sqlalchemy.sql.elements import Grouping

from game.domain.time_zones import list_offsets
from game.models import GameSession


def select_day(zone: tzinfo) -> ColumnElement[date]:
    """Return the day of a session's completion in a time zone, as an expression of SQL."""
    offsets = list_offsets(zone, until_year=utc_now().year + 2)
    # Parentheses, as PostgreSQL needs them before a subscript.
    seconds = Grouping(literal(offsets.seconds, ARRAY(Integer)))
    period = func.width_bucket(
        GameSession.completed_at, literal(offsets.changes, ARRAY(DateTime(timezone=True)))
    )
    offset = func.make_interval(0, 0, 0, 0, 0, 0, seconds[period + 1])
    return cast(func.timezone("UTC", GameSession.completed_at) + offset, Date)
