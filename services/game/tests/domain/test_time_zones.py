from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from game.domain.time_zones import Offsets, list_offsets, parse_time_zone
from hypothesis import given
from hypothesis import strategies as st
from shared.errors import Invalid

INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))


def get_offset(offsets: Offsets, instant: datetime) -> timedelta:
    return timedelta(seconds=offsets.seconds[bisect_right(offsets.changes, instant)])


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "FOO5",
        "../etc/passwd",
        "Europe",
        "Europe/Berlin\0",
        "é",
        "+",
        "UTC+",
        "+14:01",
        "+3:60",
        "+03:00:00",
        "+٣",
        "3",
        "UTC3",
        "EST+3",
        "UTC++3",
    ],
)
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        parse_time_zone(name)


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("America/Sao_Paulo", -3),
        ("+03:00", 3),
        (" 03:00", 3),
        ("-0330", -3.5),
        ("UTC+3", 3),
        ("utc+3", 3),
        ("UTC 3", 3),
        ("UTC-3", -3),
        ("UTC+05:45", 5.75),
        ("GMT+3", 3),
        ("+14:00", 14),
        ("-00:00", 0),
        # These IANA names use the signs of POSIX.
        ("Etc/GMT+3", -3),
        ("Etc/GMT-3", 3),
    ],
)
def test_names_and_fixed_offsets_are_parsed(name: str, hours: float) -> None:
    assert datetime(2026, 3, 1, tzinfo=parse_time_zone(name)).utcoffset() == timedelta(hours=hours)


@given(st.timezone_keys(allow_prefix=False), INSTANTS)
def test_offsets_equal_those_of_zoneinfo(name: str, instant: datetime) -> None:
    offsets = list_offsets(parse_time_zone(name), until_year=2028)
    assert get_offset(offsets, instant) == instant.astimezone(ZoneInfo(name)).utcoffset()


@pytest.mark.parametrize("name", ["CET", "Africa/Casablanca", "Pacific/Apia", "Australia/Lord_Howe"])
def test_offsets_change_at_the_exact_second(name: str) -> None:
    offsets = list_offsets(parse_time_zone(name), until_year=2028)
    assert offsets.changes
    for change in offsets.changes:
        for instant in (change - timedelta(seconds=1), change):
            assert get_offset(offsets, instant) == instant.astimezone(ZoneInfo(name)).utcoffset()


def test_a_fixed_offset_never_changes() -> None:
    assert list_offsets(parse_time_zone("+05:45"), until_year=2028) == Offsets([], [20_700])
