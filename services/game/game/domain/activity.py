"""Rules of the activity overview: the period it covers."""

from datetime import date, timedelta

from shared.errors import field_error

DEFAULT_PERIOD_DAYS = 30
MAX_PERIOD_DAYS = 366


def resolve_period(first: date | None, last: date | None, *, today: date) -> tuple[date, date]:
    """Return the first and the last day. Raises Invalid for a reversed or too long period."""
    last = last or today
    first = first or last - timedelta(days=DEFAULT_PERIOD_DAYS - 1)
    if first > last:
        raise field_error("#/query/from", "must not be after to")
    if last - first >= timedelta(days=MAX_PERIOD_DAYS):
        raise field_error("#/query/from", f"must start a period of at most {MAX_PERIOD_DAYS} days")
    return first, last
