"""What the API takes and gives."""

import datetime as dt
import re
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from shared.http.fields import Text

from game.domain import Response

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
FIRST_DAY, LAST_DAY = dt.date(2000, 1, 1), dt.date(2999, 12, 31)

Mode = Literal["listen_only", "listen_and_repeat"]
Level = Literal["A1", "A2", "B1", "B2", "C1", "C2"]
SentenceType = Literal["question", "answer"]


def _written_as_rfc_3339(value: object) -> object:
    # Pydantic would also take seconds since 1970, and times without an offset.
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-01-31T18:30:00Z")
    return value


def _written_as_date(value: object) -> object:
    if isinstance(value, str) and not ISO_DATE.fullmatch(value):
        raise ValueError("must be a date, such as 2026-01-31")
    return value


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_written_as_rfc_3339),
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC)),
    AfterValidator(lambda instant: instant.astimezone(UTC)),
]
Day = Annotated[dt.date, BeforeValidator(_written_as_date), Field(ge=FIRST_DAY, le=LAST_DAY)]
Count = Annotated[int, Field(strict=True, ge=0, le=200)]
Score = Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)]


class NewResult(BaseModel):
    """What became of one speech."""

    speech_id: UUID
    sequence_number: int = Field(strict=True, ge=1, le=200, description="The place in the session, from 1.")
    user_response: Response
    response_time_ms: int = Field(strict=True, ge=0, le=3_600_000)
    pronunciation_score: Score | None = None
    recognized_text: Annotated[Text, Field(max_length=2000)] | None = None
    receipt: str | None = Field(
        default=None,
        max_length=8192,
        description="The receipt of POST /speech/score. With it the score is verified, and may be left out.",
    )


class NewSession(BaseModel):
    """A finished game. The totals may be left out; those that are sent must agree with the results."""

    id: UUID | None = Field(default=None, description="The session's id, instead of an Idempotency-Key.")
    mode: Mode
    level: Level
    sentence_type: SentenceType | None = None
    selected_tags: list[UUID] = Field(default=[], max_length=50)
    duration_seconds: int = Field(strict=True, ge=0, le=86_400)
    started_at: Instant
    completed_at: Instant
    results: list[NewResult] = Field(min_length=1, max_length=200)
    total_sentences: Count | None = None
    correct_count: Count | None = None
    max_streak: Count | None = None
    avg_pronunciation_score: Score | None = Field(default=None, description="Right to within 0.05.")


class Summary(BaseModel):
    """A session without its results."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    mode: Mode
    level: Level
    sentence_type: SentenceType | None
    total_sentences: int
    correct_count: int
    incorrect_count: int
    skipped_count: int
    max_streak: int = Field(description="Correct results in a row; a skipped one ends the row.")
    avg_pronunciation_score: float | None = Field(
        description="0-100 over the results that have a score; null if none has."
    )
    duration_seconds: int
    started_at: datetime
    completed_at: datetime


class SavedSession(BaseModel):
    """The answer to a saved session."""

    session_id: UUID
    message: str
    session: Summary


class SessionFilter(BaseModel):
    """Which sessions, and which page of them."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    limit: int = Field(default=20, ge=1, le=100)
    mode: Mode | None = None
    level: Level | None = None
    from_date: Day | None = Field(default=None, description="First UTC day of completion.")
    to_date: Day | None = Field(default=None, description="Last UTC day of completion, itself included.")
    cursor: str | None = Field(
        default=None,
        max_length=200,
        description="`next_cursor` of the page before, with the same filters. It replaces `page`.",
    )


class Pagination(BaseModel):
    """Where a page is among the others. `next_cursor` is null on the last one."""

    page: int
    limit: int
    total: int
    total_pages: int
    next_cursor: str | None


class SessionPage(BaseModel):
    """Sessions, newest first."""

    sessions: list[Summary]
    pagination: Pagination


class Tag(BaseModel):
    """A tag of a speech."""

    id: UUID
    name: str


class Speech(BaseModel):
    """A speech as it was when the session was played, whatever has become of it since."""

    id: UUID
    text: str
    audio_url: str
    audio_expires_at: datetime
    duration_ms: int
    level: str
    type: str
    tags: list[Tag]


class Result(BaseModel):
    """What became of one speech."""

    sequence_number: int
    speech: Speech
    user_response: Response
    pronunciation_score: float | None
    verified: bool = Field(description="Whether a receipt has proved the score.")
    recognized_text: str | None
    response_time_ms: int


class SessionDetail(Summary):
    """A session with its results in the order they were played."""

    selected_tags: list[str]
    results: list[Result]


class DayStats(BaseModel):
    """One day in the learner's time zone."""

    model_config = ConfigDict(from_attributes=True)

    date: dt.date
    sessions: int
    sentences: int
    correct: int


class LevelStats(BaseModel):
    """All sessions of one level."""

    level: Level
    sessions: int
    sentences: int
    correct_rate: float | None
    avg_pronunciation_score: float | None


class Stats(BaseModel):
    """A learner's progress."""

    current_streak_days: int = Field(description="Days in a row with a session, up to today or yesterday.")
    longest_streak_days: int
    sessions: int
    sentences: int
    correct_rate: float | None = Field(description="Correct results by all results, 0-1.")
    avg_pronunciation_score: float | None
    by_day: list[DayStats] = Field(description="Days with sessions among the last 365, oldest first.")
    by_level: list[LevelStats]


class Period(BaseModel):
    """UTC days, both included."""

    from_: Day | None = Field(default=None, alias="from", description="30 days up to `to` by default.")
    to: Day | None = Field(default=None, description="Today by default.")


class ActivityDay(BaseModel):
    """What all learners did on one UTC day."""

    model_config = ConfigDict(from_attributes=True)

    date: dt.date
    active_learners: int
    sessions: int
    sentences: int
    correct: int


class ActiveLearners(BaseModel):
    """Different learners on the last day, in the 7 days and in the 30 days up to it."""

    model_config = ConfigDict(from_attributes=True)

    daily: int
    weekly: int
    monthly: int


class Overview(BaseModel):
    """Activity in a period."""

    from_: dt.date = Field(serialization_alias="from")
    to: dt.date
    days: list[ActivityDay] = Field(description="Every day of the period, oldest first.")
    active_learners: ActiveLearners
    average_session_seconds: float | None


class ExportedSpeech(BaseModel):
    """A speech as it was heard."""

    id: UUID
    text: str
    level: str
    type: str


class ExportedResult(BaseModel):
    """What is kept of one speech in a session."""

    sequence_number: int
    speech: ExportedSpeech
    user_response: Response
    response_time_ms: int
    pronunciation_score: float | None
    verified: bool
    recognized_text: str | None


class ExportedSession(Summary):
    """All that is kept of a session. A tag has no name if none was known when the session was saved."""

    selected_tags: list[dict[str, str | None]]
    idempotency_key: str | None
    saved_at: datetime
    results: list[ExportedResult]


class ExportedDay(BaseModel):
    """What the learner did on one UTC day."""

    model_config = ConfigDict(from_attributes=True)

    day: dt.date
    sessions: int
    sentences: int
    correct: int
    seconds: int
