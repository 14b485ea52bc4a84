from datetime import datetime

from contracts.vocabulary import Level
from pydantic import BaseModel, Field

from game.schemas.sessions import LearnerResponse, PlayedSpeech


class ReviewFilter(BaseModel):
    """Which reviews to list, and how many."""

    limit: int = Field(10, ge=1, le=50, description="Number of reviews.")
    level: Level | None = Field(None, description="Only speeches that have this CEFR level now.")


class ReviewedSpeech(PlayedSpeech):
    """A speech as it is now."""


class LastResult(BaseModel):
    """The learner's last result with the speech, except skipped ones."""

    user_response: LearnerResponse
    pronunciation_score: float | None = Field(examples=[87.5])
    verified: bool = Field(description="Whether a receipt verified the score.", examples=[True])
    completed_at: datetime = Field(description="End of its session.", examples=["2026-03-01T12:05:00Z"])


class ReviewRead(BaseModel):
    """A speech that is due for review."""

    speech: ReviewedSpeech
    due_at: datetime = Field(
        description="Start of the learner's local day on which it was due.", examples=["2026-03-03T23:00:00Z"]
    )
    retrievability: float = Field(
        description="Probability, 0-1, that the learner still recalls it.", examples=[0.8734]
    )
    last_result: LastResult


class ReviewList(BaseModel):
    """Reviews, most urgent first."""

    reviews: list[ReviewRead]
