"""Schemas of the export of a learner's data."""

import datetime as dt
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from game.schemas.sessions import SessionSummary
from game.types import UserResponse


class ExportedSpeech(BaseModel):
    """A speech as it was played."""

    id: UUID
    text: str
    level: str
    type: str


class ExportedResult(BaseModel):
    """The stored result of one speech."""

    sequence_number: int
    speech: ExportedSpeech
    user_response: UserResponse
    response_time_ms: int
    pronunciation_score: float | None
    verified: bool
    recognized_text: str | None


class ExportedSession(SessionSummary):
    """A stored session. A tag's name is null if it was unknown when the session was saved."""

    selected_tags: list[dict[str, str | None]]
    idempotency_key: str | None
    saved_at: datetime
    results: list[ExportedResult]


class ExportedDay(BaseModel):
    """The learner's activity on one UTC day."""

    model_config = ConfigDict(from_attributes=True)

    day: dt.date
    sessions: int
    sentences: int
    correct: int
    seconds: int
