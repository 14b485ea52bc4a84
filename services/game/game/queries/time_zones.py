from datetime import date, tzinfo

from shared.clock import utc_now
from sqlalchemy import ARRAY, ColumnElement, Date, DateTime, Integer, cast, func, literal
from sqlalchemy.sql.elements import Grouping

from game.domain.time_zones import list_offsets
from game.models import GameSession


def select_day(zone: tzinfo) -> ColumnElement[date]:
    """Select the day of a session's completion: the learner's local day, or else the day in the zone."""
    offsets = list_offsets(zone, until_year=utc_now().year + 2)
    # Parentheses, as PostgreSQL needs them before a subscript.
    seconds = Grouping(literal(offsets.seconds, ARRAY(Integer)))
    period = func.width_bucket(
        GameSession.completed_at, literal(offsets.changes, ARRAY(DateTime(timezone=True)))
    )
    offset = func.coalesce(GameSession.utc_offset_minutes * 60, seconds[period + 1])
    wall_time = func.timezone("UTC", GameSession.completed_at) + func.make_interval(0, 0, 0, 0, 0, 0, offset)
    return cast(wall_time, Date)
