"""Schemas of sessions and their results."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from shared.fields import Text

from game.types import Count, Day, Instant, Level, Score, SessionMode, SpeechType, UserResponse


class ResultCreate(BaseModel):
    """What became of one speech."""

    speech_id: UUID
    sequence_number: int = Field(strict=True, ge=1, le=200, description="The place in the session, from 1.")
    user_response: UserResponse
    response_time_ms: int = Field(strict=True, ge=0, le=3_600_000)
    pronunciation_score: Score | None = None
    recognized_text: Annotated[Text, Field(max_length=2000)] | None = None
    receipt: str | None = Field(
        default=None,
        max_length=8192,
        description="The receipt of POST /speech/score. With it the score is verified, and may be left out.",
    )


class SessionCreate(BaseModel):
    """A finished game. The totals may be left out; those that are sent must agree with the results."""

    id: UUID | None = Field(default=None, description="The session's id, instead of an Idempotency-Key.")
    mode: SessionMode
    level: Level
    sentence_type: SpeechType | None = None
    selected_tags: list[UUID] = Field(default=[], max_length=50)
    duration_seconds: int = Field(strict=True, ge=0, le=86_400)
    started_at: Instant
    completed_at: Instant
    results: list[ResultCreate] = Field(min_length=1, max_length=200)
    total_sentences: Count | None = None
    correct_count: Count | None = None
    max_streak: Count | None = None
    avg_pronunciation_score: Score | None = Field(default=None, description="Right to within 0.05.")


class SessionSummary(BaseModel):
    """A session without its results."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    mode: SessionMode
    level: Level
    sentence_type: SpeechType | None
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
    session: SessionSummary


class SessionFilter(BaseModel):
    """Which sessions, and which page of them."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    limit: int = Field(default=20, ge=1, le=100)
    mode: SessionMode | None = None
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

    sessions: list[SessionSummary]
    pagination: Pagination


class PlayedTag(BaseModel):
    """A tag of a speech."""

    id: UUID
    name: str


class PlayedSpeech(BaseModel):
    """A speech as it was when the session was played, whatever has become of it since."""

    id: UUID
    text: str
    audio_url: str
    audio_expires_at: datetime
    duration_ms: int
    level: str
    type: str
    tags: list[PlayedTag]


class ResultRead(BaseModel):
    """What became of one speech."""

    sequence_number: int
    speech: PlayedSpeech
    user_response: UserResponse
    pronunciation_score: float | None
    verified: bool = Field(description="Whether a receipt has proved the score.")
    recognized_text: str | None
    response_time_ms: int


class SessionRead(SessionSummary):
    """A session with its results in the order they were played."""

    selected_tags: list[str]
    results: list[ResultRead]
