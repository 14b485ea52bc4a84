"""Corrections of a wrong device clock, so that a finished game can be saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from shared.errors import field_error

from game.domain.time_zones import MIN_INSTANT
from game.errors import ImplausibleClock

# The difference between the local times of the first and the last time zone on Earth.
MAX_CLOCK_ERROR = timedelta(hours=26)
MAX_DURATION_SECONDS = 86_400
MAX_RESPONSE_TIME_MS = 3_600_000
UNKNOWN_OFFSET = 1_440
"""Stands for no UTC offset where a key must have a value. No zone is a day ahead."""


class TimedResult(Protocol):
    @property
    def response_time_ms(self) -> int: ...


class ReportedTimes(Protocol):
    @property
    def started_at(self) -> datetime: ...
    @property
    def completed_at(self) -> datetime: ...
    @property
    def duration_seconds(self) -> int: ...
    @property
    def results(self) -> Sequence[TimedResult]: ...


@dataclass(frozen=True, kw_only=True)
class SessionTimes:
    started_at: datetime
    completed_at: datetime
    duration_seconds: int
    utc_offset_minutes: int | None
    clock_adjusted: bool


def correct_times(reported: ReportedTimes, *, now: datetime) -> SessionTimes:
    """Move times out of the future, put them in order, and cap durations. Raises ImplausibleClock."""
    _ensure_plausible(reported.started_at, reported.completed_at, now=now)
    duration_seconds = min(reported.duration_seconds, MAX_DURATION_SECONDS)
    started_at, completed_at = reported.started_at.astimezone(UTC), reported.completed_at.astimezone(UTC)
    if started_at > completed_at:
        # The clock was set back during the game, and is more likely to be right afterwards.
        started_at = completed_at - timedelta(seconds=duration_seconds)
    clock_lead = max(completed_at - now, timedelta(0))
    corrected = (started_at - clock_lead, completed_at - clock_lead, duration_seconds)
    sent = (reported.started_at, reported.completed_at, reported.duration_seconds)
    is_capped = any(result.response_time_ms > MAX_RESPONSE_TIME_MS for result in reported.results)
    return SessionTimes(
        started_at=corrected[0],
        completed_at=corrected[1],
        duration_seconds=duration_seconds,
        utc_offset_minutes=find_utc_offset(reported.completed_at),
        clock_adjusted=is_capped or corrected != sent,
    )


def _ensure_plausible(started_at: datetime, completed_at: datetime, *, now: datetime) -> None:
    if started_at < MIN_INSTANT:
        raise field_error("#/started_at", "must not be before 2000", error_type=ImplausibleClock)
    if completed_at < started_at - MAX_CLOCK_ERROR:
        message = "must not be more than 26 hours before started_at"
        raise field_error("#/completed_at", message, error_type=ImplausibleClock)
    if completed_at > now + MAX_CLOCK_ERROR:
        message = "must not be more than 26 hours in the future"
        raise field_error("#/completed_at", message, error_type=ImplausibleClock)


def find_utc_offset(instant: datetime) -> int | None:
    """Return the learner's UTC offset in minutes, or None if unknown."""
    # `Z` and `-00:00` say nothing about the local time (RFC 9557, section 2.2), and clients that always send
    # UTC write `+00:00` as well. In zones where that is correct, `tz` gives the same days.
    offset = instant.utcoffset()
    return int(offset.total_seconds()) // 60 if offset else None


def get_local_day(completed_at: datetime, utc_offset_minutes: int | None) -> date:
    """Return the learner's local day, or the UTC day if the offset is unknown."""
    return (completed_at.astimezone(UTC) + timedelta(minutes=utc_offset_minutes or 0)).date()
