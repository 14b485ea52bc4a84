from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest
from game.domain.clock import SessionTimes, correct_times, find_utc_offset, get_local_day
from game.errors import ImplausibleClock
from game.schemas.sessions import SessionCreate
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))


class TimedResult(NamedTuple):
    response_time_ms: int


def correct_session(started_at: datetime, completed_at: datetime, **different: Any) -> SessionTimes:
    defaults = {"duration_seconds": 300, "results": []}
    times = {"started_at": started_at, "completed_at": completed_at}
    return correct_times(SessionCreate.model_construct(**{**defaults, **times, **different}), now=NOW)


def to_instants(times: SessionTimes) -> tuple[datetime, datetime]:
    return times.started_at, times.completed_at


def test_times_of_a_correct_clock_are_unchanged() -> None:
    times = correct_session(NOW - 5 * MINUTE, NOW)
    assert to_instants(times) == (NOW - 5 * MINUTE, NOW)
    assert (times.duration_seconds, times.clock_adjusted) == (300, False)


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), 6 * MINUTE, 14 * HOUR, 26 * HOUR])
def test_times_ahead_of_the_server_are_moved_back(ahead: timedelta) -> None:
    times = correct_session(NOW - 5 * MINUTE + ahead, NOW + ahead)
    assert to_instants(times) == (NOW - 5 * MINUTE, NOW)
    assert (times.duration_seconds, times.clock_adjusted) == (300, True)


def test_times_of_a_clock_set_back_during_the_game_are_reordered() -> None:
    times = correct_session(NOW - 10 * MINUTE, NOW - HOUR)
    assert to_instants(times) == (NOW - HOUR - 5 * MINUTE, NOW - HOUR)
    assert times.clock_adjusted


def test_times_of_a_clock_set_back_but_still_ahead_are_corrected() -> None:
    times = correct_session(NOW + 3 * HOUR, NOW + 2 * HOUR)
    assert to_instants(times) == (NOW - 5 * MINUTE, NOW)


def test_excessive_durations_and_response_times_are_capped() -> None:
    times = correct_session(NOW - timedelta(days=3), NOW, duration_seconds=3 * 86_400)
    assert to_instants(times) == (NOW - timedelta(days=3), NOW)
    assert (times.duration_seconds, times.clock_adjusted) == (86_400, True)
    for milliseconds, is_adjusted in ((3_600_001, True), (3_600_000, False)):
        assert correct_session(NOW, NOW, results=[TimedResult(milliseconds)]).clock_adjusted == is_adjusted


@pytest.mark.parametrize(
    ("started_at", "completed_at", "pointer"),
    [
        (NOW, NOW + 26 * HOUR + MINUTE, "#/completed_at"),
        (NOW, NOW - 26 * HOUR - MINUTE, "#/completed_at"),
        (NOW.replace(year=1970), NOW, "#/started_at"),
        (NOW.replace(year=1970), NOW.replace(year=1970) + MINUTE, "#/started_at"),
        (NOW.replace(year=2999), NOW.replace(year=2999), "#/completed_at"),
    ],
)
def test_implausible_times_are_refused(started_at: datetime, completed_at: datetime, pointer: str) -> None:
    with pytest.raises(ImplausibleClock) as excinfo:
        correct_session(started_at, completed_at)
    assert [problem["pointer"] for problem in excinfo.value.extra["errors"]] == [pointer]


@given(INSTANTS, INSTANTS, st.integers(0, 366 * 86_400))
def test_corrected_times_are_in_order_and_not_in_the_future(
    started_at: datetime, completed_at: datetime, duration: int
) -> None:
    try:
        times = correct_session(started_at, completed_at, duration_seconds=duration)
    except ImplausibleClock:
        return
    assert times.started_at <= times.completed_at <= NOW
    assert 0 <= times.duration_seconds <= 86_400
    if started_at <= completed_at:
        assert times.completed_at - times.started_at == completed_at - started_at


@pytest.mark.parametrize(
    ("sent", "minutes"),
    [
        ("2026-03-01T12:00:00+09:00", 540),
        ("2026-03-01T12:00:00-03:30", -210),
        ("2026-03-01T12:00:00Z", None),
        ("2026-03-01T12:00:00+00:00", None),
        ("2026-03-01T12:00:00-00:00", None),
    ],
)
def test_only_an_offset_that_differs_from_utc_is_stored(sent: str, minutes: int | None) -> None:
    instant = datetime.fromisoformat(sent)
    assert find_utc_offset(instant) == correct_session(instant, instant).utc_offset_minutes == minutes


def test_the_local_day_follows_the_offset() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(-8 * HOUR))
    assert get_local_day(late, -480) == date(2026, 3, 1)
    assert get_local_day(late, None) == date(2026, 3, 2)
