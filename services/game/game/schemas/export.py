"""Schemas of the export of a learner's data."""

import datetime as dt
from datetime import datetime
from uuid import UUID

from contracts.receipt import PhonemeScores
from contracts.vocabulary import UserResponse
from pydantic import BaseModel, ConfigDict

from game.schemas.sessions import SessionSummary


class ExportedSpeech(BaseModel):
    id: UUID
    text: str
    level: str
    type: str


class ExportedResult(BaseModel):
    sequence_number: int
    speech: ExportedSpeech
    user_response: UserResponse
    response_time_ms: int
    pronunciation_score: float | None
    verified: bool
    scorer: str | None
    phonemes: list[PhonemeScores] | None
    recognized_text: str | None


class ExportedSession(SessionSummary):
    selected_tags: list[dict[str, str | None]]
    idempotency_key: str | None
    saved_at: datetime
    results: list[ExportedResult]


class ExportedDay(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    day: dt.date
    sessions: int
    sentences: int
    correct: int
    seconds: int


class ExportedReview(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    speech_id: UUID
    stability: float
    difficulty: float
    reviewed_at: datetime
    reviewed_on: dt.date
    interval_days: int
    due_at: datetime
    user_response: UserResponse
    pronunciation_score: float | None
    verified: bool


class ExportedPractisedTag(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    tag_id: UUID
    sessions: int
    sentences: int
    correct: int
    score_sum: float
    scored_count: int


class ExportedPractisedScorer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    scorer: str
    utc_offset_minutes: int
    scores: int
    score_sum: float
    first_used_at: datetime
    last_used_at: datetime


class ExportedPractisedPhoneme(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    scorer: str
    symbol: str
    scores: int
    score_sum: float
    last_scored_at: datetime


class ExportedPractisedSpeech(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    speech_id: UUID
    attempts: int
    correct: int
    scores: int
    score_sum: float
    last_played_at: datetime
    estimated_rate: float
