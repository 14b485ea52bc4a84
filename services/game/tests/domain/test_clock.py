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


def correct(started_at: datetime, completed_at: datetime, **different: Any) -> SessionTimes:
    usual = {"duration_seconds": 300, "results": []}
    times = {"started_at": started_at, "completed_at": completed_at}
    return correct_times(SessionCreate.model_construct(**{**usual, **times, **different}), now=NOW)


def instants(times: SessionTimes) -> tuple[datetime, datetime]:
    return times.started_at, times.completed_at


def test_a_right_clock_is_left_alone() -> None:
    times = correct(NOW - 5 * MINUTE, NOW)
    assert instants(times) == (NOW - 5 * MINUTE, NOW)
    assert (times.duration_seconds, times.clock_adjusted) == (300, False)


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), 6 * MINUTE, 14 * HOUR, 26 * HOUR])
def test_a_clock_that_is_ahead(ahead: timedelta) -> None:
    times = correct(NOW - 5 * MINUTE + ahead, NOW + ahead)
    assert instants(times) == (NOW - 5 * MINUTE, NOW)
    assert (times.duration_seconds, times.clock_adjusted) == (300, True)


def test_a_clock_that_was_set_back_in_mid_game() -> None:
    times = correct(NOW - 10 * MINUTE, NOW - HOUR)
    assert instants(times) == (NOW - HOUR - 5 * MINUTE, NOW - HOUR)
    assert times.clock_adjusted


def test_a_clock_that_was_set_back_and_is_still_ahead() -> None:
    times = correct(NOW + 3 * HOUR, NOW + 2 * HOUR)
    assert instants(times) == (NOW - 5 * MINUTE, NOW)


def test_a_session_of_over_a_day_and_a_question_left_open() -> None:
    times = correct(NOW - timedelta(days=3), NOW, duration_seconds=3 * 86_400)
    assert instants(times) == (NOW - timedelta(days=3), NOW)
    assert (times.duration_seconds, times.clock_adjusted) == (86_400, True)
    for milliseconds, is_adjusted in ((3_600_001, True), (3_600_000, False)):
        assert correct(NOW, NOW, results=[TimedResult(milliseconds)]).clock_adjusted == is_adjusted


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
def test_what_cannot_be_corrected(started_at: datetime, completed_at: datetime, pointer: str) -> None:
    with pytest.raises(ImplausibleClock) as caught:
        correct(started_at, completed_at)
    assert [each["pointer"] for each in caught.value.extra["errors"]] == [pointer]


@given(INSTANTS, INSTANTS, st.integers(0, 366 * 86_400))
def test_what_is_kept_is_in_order_and_not_in_the_future(
    started_at: datetime, completed_at: datetime, duration: int
) -> None:
    try:
        times = correct(started_at, completed_at, duration_seconds=duration)
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
def test_the_offset_is_kept_unless_it_may_only_mean_utc(sent: str, minutes: int | None) -> None:
    instant = datetime.fromisoformat(sent)
    assert find_utc_offset(instant) == correct(instant, instant).utc_offset_minutes == minutes


def test_the_day_is_the_one_on_the_wall() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(-8 * HOUR))
    assert get_local_day(late, -480) == date(2026, 3, 1)
    assert get_local_day(late, None) == date(2026, 3, 2)
