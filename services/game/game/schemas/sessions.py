from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from contracts.vocabulary import Level, SessionMode, SpeechType, UserResponse
from pydantic import BaseModel, ConfigDict, Field
from shared.http.fields import DisplayText, Integer, RequestModel
from shared.http.pagination import AdminPageQuery, PageQuery, Pagination

from game.types import Count, Day, Instant, Score, TimeZoneName

SPEECH_ID = "0199c1b2-6a4e-7c3d-9b10-2f6d1a8e4c57"
SESSION_ID = "0199c1c4-0f2b-7e8a-8d35-7b1c9e0a6f42"
TAG_ID = "0199c1a0-51d7-7f46-a2c8-93e4b7d05a1e"
RESULT_EXAMPLE: dict[str, Any] = {
    "speech_id": SPEECH_ID,
    "sequence_number": 1,
    "user_response": "correct",
    "response_time_ms": 2400,
    "pronunciation_score": 87.5,
    "recognized_text": "good morning",
}
SESSION_EXAMPLE: dict[str, Any] = {
    "mode": "listen_and_repeat",
    "level": "A1",
    "sentence_type": "answer",
    "selected_tags": [TAG_ID],
    "duration_seconds": 300,
    "started_at": "2026-03-01T13:00:00+01:00",
    "completed_at": "2026-03-01T13:05:00+01:00",
    "results": [RESULT_EXAMPLE],
}


# No game takes longer.
MAX_SECONDS = 366 * 86_400

LEVEL = "Level of the Common European Framework (CEFR)."
MODE = "Whether the learner only listened, or also repeated the speeches."
PLAYING_TIME = "How long the session lasted, as the app measured it."
LearnerResponse = Annotated[
    UserResponse, Field(description="Determined by the app: `correct`, `incorrect` or `skipped`.")
]


class ResultCreate(RequestModel):
    """The result of one speech."""

    model_config = ConfigDict(json_schema_extra={"examples": [RESULT_EXAMPLE]})

    speech_id: UUID
    sequence_number: Integer = Field(ge=1, le=200, description="Position in the session, from 1.")
    user_response: LearnerResponse
    response_time_ms: Integer = Field(
        ge=0, le=MAX_SECONDS * 1000, description="More than an hour counts as an hour."
    )
    pronunciation_score: Score | None = None
    recognized_text: Annotated[str, DisplayText(max_length=2000)] | None = None
    receipt: str | None = Field(
        default=None,
        max_length=8192,
        description="Receipt from `POST /api/v1/speech/score`. It verifies the score, which may be omitted.",
    )


class SessionCreate(RequestModel):
    """A finished session. Totals are optional; those that are sent must agree with the results."""

    model_config = ConfigDict(json_schema_extra={"examples": [SESSION_EXAMPLE]})

    id: UUID | None = Field(
        default=None, description="The session's id. Replaces an Idempotency-Key.", examples=[SESSION_ID]
    )
    mode: SessionMode = Field(description=MODE)
    level: Level = Field(description=LEVEL)
    sentence_type: SpeechType | None = None
    selected_tags: list[UUID] = Field(
        default=[], max_length=50, description="Ids of the tags that the learner chose."
    )
    duration_seconds: Integer = Field(
        ge=0, le=MAX_SECONDS, description=f"{PLAYING_TIME} More than a day counts as a day."
    )
    started_at: Instant
    completed_at: Instant = Field(
        description="With the learner's UTC offset, which determines the session's day."
    )
    results: list[ResultCreate] = Field(min_length=1, max_length=200)
    total_sentences: Count | None = None
    correct_count: Count | None = None
    max_streak: Count | None = None
    avg_pronunciation_score: Score | None = Field(
        default=None, description="Mean of the scores, accepted within 0.05."
    )


class SessionSummary(BaseModel):
    """A session without its results."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(examples=[SESSION_ID])
    mode: SessionMode = Field(description=MODE)
    level: Level = Field(description=LEVEL)
    sentence_type: SpeechType | None
    total_sentences: int = Field(examples=[10])
    correct_count: int = Field(examples=[7])
    incorrect_count: int = Field(examples=[2])
    skipped_count: int = Field(examples=[1])
    max_streak: int = Field(
        description="Longest run of correct results. A skipped result ends it.", examples=[4]
    )
    avg_pronunciation_score: float | None = Field(
        description="0-100 over the results with a score; null if none has one.", examples=[82.35]
    )
    duration_seconds: int = Field(description=PLAYING_TIME, examples=[300])
    started_at: datetime = Field(examples=["2026-03-01T12:00:00Z"])
    completed_at: datetime = Field(examples=["2026-03-01T12:05:00Z"])
    utc_offset_minutes: int | None = Field(
        description="How far the learner's local time was ahead of UTC; null if unknown.",
        examples=[60],
    )
    clock_adjusted: bool = Field(
        description="Whether times were corrected, because the device's clock was wrong.", examples=[False]
    )


class SavedSession(BaseModel):
    """The response to a saved session."""

    session_id: UUID = Field(examples=[SESSION_ID])
    message: str = Field(examples=["Saved: 7 of 10 sentences correct."])
    clock_adjusted: bool = Field(description="As in `session`.", examples=[False])
    session: SessionSummary


class SessionFilter(PageQuery):
    """Filters of a list of sessions, and its page."""

    mode: SessionMode | None = Field(default=None, description="Only sessions of this mode.")
    level: Level | None = Field(default=None, description="Only sessions of this CEFR level.")
    tag_id: UUID | None = Field(default=None, description="Only sessions for which this tag was selected.")
    from_date: Day | None = Field(
        default=None,
        description="First day of completion, in the learner's local time.",
        examples=["2026-03-01"],
    )
    to_date: Day | None = Field(
        default=None, description="Last day of completion, inclusive.", examples=["2026-03-31"]
    )
    tz: TimeZoneName = "UTC"


class AllSessionsFilter(AdminPageQuery, SessionFilter):
    """Filters of the list of all learners' sessions, and its page."""

    user_id: UUID | None = None


class ListedSession(SessionSummary):
    """A session in the list of all learners' sessions."""

    user_id: UUID


class AllSessionsPage(BaseModel):
    """One page of all learners' sessions, newest first."""

    sessions: list[ListedSession]
    pagination: Pagination


class SessionPage(BaseModel):
    """One page of sessions, newest first."""

    sessions: list[SessionSummary]
    pagination: Pagination


class PlayedTag(BaseModel):
    """A tag of a played speech."""

    id: UUID = Field(examples=[TAG_ID])
    name: str = Field(examples=["greetings"])


class PlayedSpeech(BaseModel):
    """A speech as it was when the session was played, even if it was edited or deleted since."""

    id: UUID = Field(examples=[SPEECH_ID])
    text: str = Field(examples=["Good morning."])
    audio_url: str = Field(
        description="Presigned URL of the recording.",
        examples=["https://storage.example.com/parley-audio/speeches/good-morning.mp3?X-Amz-Signature=1f0c"],
    )
    audio_expires_at: datetime = Field(examples=["2026-03-01T13:30:00Z"])
    duration_ms: int = Field(examples=[1200])
    level: str = Field(description=LEVEL, examples=["A1"])
    type: str = Field(description="`question` or `answer`.", examples=["answer"])
    tags: list[PlayedTag]


class ResultRead(BaseModel):
    """The result of one speech."""

    sequence_number: int = Field(examples=[1])
    speech: PlayedSpeech
    user_response: LearnerResponse
    pronunciation_score: float | None = Field(examples=[87.5])
    verified: bool = Field(description="Whether a receipt verified the score.", examples=[True])
    scorer: str | None = Field(
        description="The scorer, with its version. Null if the score is not verified, or older than "
        "this field.",
        examples=["offline-1"],
    )
    recognized_text: str | None = Field(examples=["good morning"])
    response_time_ms: int = Field(examples=[2400])


class SessionRead(SessionSummary):
    """A session with its results in the order they were played."""

    selected_tags: list[str] = Field(description="Names of the tags.", examples=[["greetings"]])
    results: list[ResultRead]


class AnySessionRead(SessionRead):
    """A session of any learner, as admins and editors see it."""

    user_id: UUID
