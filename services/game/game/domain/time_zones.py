"""Time zones by name or offset, and their UTC offsets over time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from game.errors import create_time_zone_error

# An unescaped "+" in a query string arrives as a space.
FIXED_OFFSET = re.compile(
    r"(?:UTC|GMT)?(?P<sign>[+\- ])(?P<hours>\d{1,2})(?::?(?P<minutes>[0-5]\d))?", re.ASCII | re.IGNORECASE
)
MAX_FIXED_OFFSET = timedelta(hours=14)
# Offsets are sampled at this interval. No zone has changed twice within it.
STEP = timedelta(days=5)
ZONE_CACHE_SIZE = 700
# No session was completed earlier.
MIN_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Offsets:
    """`seconds[n + 1]` from `changes[n]` on, and `seconds[0]` before the first change."""

    changes: Sequence[datetime]
    seconds: Sequence[int]


@cache
def _list_time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def parse_time_zone(name: str) -> tzinfo:
    """Return an IANA zone or a fixed offset: `+03:00`, `UTC+3`, both east of Greenwich. Raises Invalid."""
    if name in _list_time_zones():
        return ZoneInfo(name)
    match = FIXED_OFFSET.fullmatch(name)
    if match is None:
        raise create_time_zone_error()
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    if offset > MAX_FIXED_OFFSET:
        raise create_time_zone_error()
    return timezone(-offset if match["sign"] == "-" else offset)


# PostgreSQL reads some names as abbreviations without summer time, and its list may be older than Python's.
# It never sees a name, only these offsets.
@lru_cache(ZONE_CACHE_SIZE)
def list_offsets(zone: tzinfo, *, until_year: int) -> Offsets:
    """Return the offsets of a zone from 2000 to the start of a year."""
    changes: list[datetime] = []
    moment, end = MIN_INSTANT, datetime(until_year, 1, 1, tzinfo=UTC)
    seconds = [_get_offset(zone, moment)]
    while moment < end:
        following = moment + STEP
        if _get_offset(zone, following) != seconds[-1]:
            changes.append(_find_change(zone, moment, following))
            seconds.append(_get_offset(zone, following))
        moment = following
    return Offsets(changes, seconds)


def _get_offset(zone: tzinfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _find_change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """Return the first second with the offset of `after`."""
    earlier = _get_offset(zone, before)
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if _get_offset(zone, datetime.fromtimestamp(middle, UTC)) == earlier:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
